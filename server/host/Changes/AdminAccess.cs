using System.Security.Cryptography;
using System.Text;
using Btx.Model;
using Btx.Server.Doors;

namespace Btx.Server.Changes;

/// <summary>
/// Who may change the forest: whoever sends the admin key; nobody where there is none, unless the
/// operator opened the door to every program of this
/// machine. Then a call that says that it came from further away is refused all the same: a proxy or a
/// browser reaches loopback, too. Reading is open
/// to all, but shows directories of the server only to those who may change it.
/// </summary>
/// <param name="keyHash">SHA-256 of the key; null: there is none.</param>
/// <param name="unauthenticated">Whether changes are taken without one.</param>
/// <param name="hosts">Pages of these are the server's own.</param>
internal sealed class AdminAccess(byte[]? keyHash, bool unauthenticated, AllowedHosts hosts)
{
    private const int ShortestKey = 16;
    private const int LongestFile = 4096;
    private const string Scheme = "Bearer ";
    private static readonly HashSet<string> s_forwarded = new(["forwarded", "via", "x-real-ip", "x-original-forwarded-for",
        "true-client-ip", "cf-connecting-ip"], StringComparer.OrdinalIgnoreCase);

    /// <summary>True if nobody can change the forest.</summary>
    public bool IsReadOnly => keyHash is null && !unauthenticated;

    public bool NeedsKey => keyHash is not null;

    /// <summary>What <c>serve</c> says of it when it starts.</summary>
    public override string ToString() =>
        NeedsKey ? "changes need the admin key"
        : IsReadOnly ? "no changes: there is no --admin-key-file" : "changes by every program of this machine, without a key";

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
            throw new BtxException($"--admin-key-file {file}: cannot be read ({BtxException.OneLine(e.Message)}); `openssl rand -hex 32 "
                + $"> {file} && chmod 600 {file}` makes one",
                e);
        }

        if (text.Length is < ShortestKey or >= LongestFile || text.Any(c => c is <= ' ' or > '~'))
            throw new BtxException($"--admin-key-file {file}: holds no key; expected one line of {ShortestKey} or more ASCII characters "
                + $"without blanks, `openssl rand -hex 32 > {file}` makes one");
        return text;
    }

    /// <param name="headers">Of the call: its metadata.</param>
    public AdminDecision Decide(IHeaderDictionary headers)
    {
        if (keyHash is null) return unauthenticated ? FromHere(headers) : AdminDecision.ReadOnly;
        if (headers.Authorization is not [{ } authorization]) return AdminDecision.NoKey;
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return AdminDecision.WrongKey;
        return CryptographicOperations.FixedTimeEquals(Hash(authorization[Scheme.Length..].Trim()), keyHash) ? AdminDecision.Allowed
            : AdminDecision.WrongKey;
    }

    private AdminDecision FromHere(IHeaderDictionary headers)
    {
        if (headers.Keys.Any(name => name.StartsWith("x-forwarded", StringComparison.OrdinalIgnoreCase) || s_forwarded.Contains(name)))
            return AdminDecision.Forwarded;
        var isOwn = headers.Origin.All(origin =>
            Uri.TryCreate(origin, UriKind.Absolute, out var page) && page.Host.Length > 0 && hosts.Contains(page.Host));
        return isOwn ? AdminDecision.Allowed : AdminDecision.ForeignOrigin;
    }
}
