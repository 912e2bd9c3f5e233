using System.Net;
using System.Security.Cryptography;

namespace Btx.Server.Changes;

/// <summary>Who may change the forest, and by which names clients may call the server, as <c>serve</c> was told.</summary>
internal sealed record Access
{
    /// <summary>SHA-256 of the admin key; null: there is none.</summary>
    public byte[]? AdminKeyHash { get; init; }

    /// <summary>Whether changes are taken without a key.</summary>
    public bool UnauthenticatedAdmin { get; init; }

    /// <summary>See <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <exception cref="BtxException">What was told contradicts itself.</exception>
    public (AdminAccess Admin, AllowedHosts Hosts) Open(ListenAddress http, ListenAddress grpc)
    {
        const string Flag = "--allow-unauthenticated-admin";
        if (UnauthenticatedAdmin && AdminKeyHash is not null)
            throw new BtxException($"{Flag} and --admin-key-file are both given; choose one");
        if (UnauthenticatedAdmin && !IPAddress.IsLoopback(grpc.EndPoint.Address))
            throw new BtxException($"{Flag} and --grpc {grpc}: whoever reaches that address could change the forest; use "
                + "--admin-key-file FILE, or listen on loopback");
        var hosts = new AllowedHosts(HostNames, http, grpc);
        return (new(this, hosts), hosts);
    }
}

/// <summary>
/// Who may change the forest: whoever sends the admin key; nobody where there is none, unless the operator lets every program of this
/// machine. Then a call that says that it came from further away is refused all the same: a proxy or a browser reaches loopback, too.
/// Reading is open to all, but shows directories of the server only to those who may change it.
/// </summary>
/// <param name="hosts">Pages of these are the server's own.</param>
internal sealed class AdminAccess(Access access, AllowedHosts hosts)
{
    private const int ShortestKey = 16;
    private const int LongestFile = 4096;
    private const string Scheme = "Bearer ";
    private const string ToHaveOne = "start it with --admin-key-file FILE";
    private static readonly HashSet<string> s_forwarded = new(StringComparer.OrdinalIgnoreCase)
    {
        "forwarded", "via", "x-real-ip", "x-original-forwarded-for", "true-client-ip", "cf-connecting-ip",
    };

    /// <summary>What <c>serve</c> says of it when it starts.</summary>
    public override string ToString() => access.AdminKeyHash is not null ? "changes need the admin key"
        : access.UnauthenticatedAdmin ? "changes by every program of this machine, without a key"
        : "no changes: there is no --admin-key-file";

    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>The key that a file holds: one line of at least 16 printable ASCII characters without blanks.</summary>
    /// <exception cref="BtxException">The file cannot be read, can be read by others, or holds no key.</exception>
    public static string ReadKey(string file)
    {
        string text;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file)
                & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
                throw new BtxException($"--admin-key-file {file}: others than its owner can read or change it; `chmod 600 {file}`");
            using var stream = File.OpenRead(file);
            var bytes = new byte[LongestFile];
            text = Encoding.Latin1.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"--admin-key-file {file}: cannot be read ({BtxException.OneLine(e.Message)}); `openssl rand -hex 32 > "
                + $"{file} && chmod 600 {file}` makes one", e);
        }

        if (text.Length is < ShortestKey or >= LongestFile || text.Any(c => c is <= ' ' or > '~'))
            throw new BtxException($"--admin-key-file {file}: holds no key; expected one line of {ShortestKey} or more ASCII characters "
                + $"without blanks, `openssl rand -hex 32 > {file}` makes one");
        return text;
    }

    /// <summary>Why a call may not change the forest; null: it may.</summary>
    /// <param name="headers">Of the call: its metadata.</param>
    public Status? Refusal(IHeaderDictionary headers)
    {
        if (access is { AdminKeyHash: null, UnauthenticatedAdmin: true }) return FromElsewhere(headers);
        if (access.AdminKeyHash is not { } keyHash) return new(StatusCode.PermissionDenied, $"this server takes no changes: {ToHaveOne}");
        if (headers.Authorization is not [{ } authorization])
            return new(StatusCode.Unauthenticated, "the server's admin key is needed; give its file with --admin-key-file");
        var isKey = authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Hash(authorization[Scheme.Length..].Trim()), keyHash);
        return isKey ? null : new(StatusCode.Unauthenticated, "the admin key is not this server's");
    }

    private Status? FromElsewhere(IHeaderDictionary headers)
    {
        if (headers.Keys.Any(name => name.StartsWith("x-forwarded", StringComparison.OrdinalIgnoreCase) || s_forwarded.Contains(name)))
            return new(StatusCode.PermissionDenied,
                $"this call came through a proxy, and the server has no admin key to know its sender by; {ToHaveOne}");
        var isOwn = headers.Origin.All(origin =>
            Uri.TryCreate(origin, UriKind.Absolute, out var page) && page.Host.Length > 0 && hosts.Contains(page.Host));
        return isOwn ? null : new(StatusCode.PermissionDenied,
            $"this call came from a page of another site, and the server has no admin key; {ToHaveOne}");
    }
}
