using System.Security.Cryptography;
using System.Text;
using Btx.Model;
using Btx.Server.Lifetime;

namespace Btx.Server.Changes;

/// <summary>
/// Who may change the forest: whoever sends the admin key; where there is none, whoever reaches a door that listens on loopback. Reading is
/// open to all, but shows directories of the server only to those.
/// </summary>
/// <param name="keyHash">SHA-256 of the key; null: there is none.</param>
/// <param name="loopback">Whether the gRPC door listens on loopback.</param>
internal sealed class AdminAccess(byte[]? keyHash, bool loopback)
{
    private const int ShortestKey = 16;
    private const int LongestFile = 4096;
    private const string Scheme = "Bearer ";

    /// <summary>True if nobody can change the forest.</summary>
    public bool IsReadOnly => keyHash is null && !loopback;

    public bool NeedsKey => keyHash is not null;

    public static AdminAccess Of(byte[]? keyHash, ListenAddress grpc) => new(keyHash, System.Net.IPAddress.IsLoopback(grpc.EndPoint.Address));

    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>The key that a file holds: one line of at least 16 printable ASCII characters without blanks.</summary>
    /// <exception cref="BtxException">The file cannot be read, can be read by others, or holds no key.</exception>
    public static string ReadKey(string file)
    {
        string text;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
                throw new BtxException($"--admin-key-file {file}: others than its owner can read or change it; `chmod 600 {file}`");
            using var stream = File.OpenRead(file);
            var bytes = new byte[LongestFile];
            text = Encoding.Latin1.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"--admin-key-file {file}: cannot be read ({BtxException.OneLine(e.Message)}); `openssl rand -hex 32 > {file} && chmod 600 {file}` makes one", e);
        }

        if (text.Length is < ShortestKey or >= LongestFile || text.Any(c => c is <= ' ' or > '~'))
            throw new BtxException($"--admin-key-file {file}: holds no key; expected one line of {ShortestKey} or more ASCII characters without blanks, `openssl rand -hex 32 > {file}` makes one");
        return text;
    }

    /// <param name="authorization">The metadata entry <c>authorization</c>; null: none was sent.</param>
    public AdminDecision Decide(string? authorization)
    {
        if (keyHash is null) return loopback ? AdminDecision.Allowed : AdminDecision.ReadOnly;
        if (authorization is null) return AdminDecision.NoKey;
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return AdminDecision.WrongKey;
        return CryptographicOperations.FixedTimeEquals(Hash(authorization[Scheme.Length..].Trim()), keyHash) ? AdminDecision.Allowed : AdminDecision.WrongKey;
    }
}
