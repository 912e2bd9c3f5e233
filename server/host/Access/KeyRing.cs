using System.Security.Cryptography;
using Btx.Model.Files;

namespace Btx.Server.Access;

/// <summary>
/// The keys of a running server: those of its file, which is read again once it has changed, and the admin key, which is one of scope
/// <c>admin</c>. A file that cannot be read changes nothing, and is logged. Thread-safe.
/// </summary>
/// <param name="equal">Compares two hashes in a time that does not depend on them; tests count the calls.</param>
internal sealed partial class KeyRing(AccessOptions options, ILogger<KeyRing> log, Func<byte[], byte[], bool>? equal = null)
{
    private const string Option = "--keys";
    private static readonly byte[] s_nobody = new byte[SHA256.HashSizeInBytes];
    private readonly Func<byte[], byte[], bool> _equal = equal ?? ((a, b) => CryptographicOperations.FixedTimeEquals(a, b));
    private readonly ApiKey? _admin = options.AdminKeyHash is not { } hash ? null : new()
    {
        Id = "admin-key",
        Name = "the admin key",
        Sha256 = Convert.ToHexStringLower(hash),
        Scopes = [RoutingNames.Of(Scope.Admin)],
        Created = default,
    };

    private readonly Lock _gate = new();
    private FileStat? _read = options.KeyFile is { } file ? StatOf(file) : null;
    private Dictionary<string, ApiKey> _keys = options.KeyFile is { } file ? Read(file) : [];

    /// <summary>How many keys the file has.</summary>
    public int Count => Now().Count;

    /// <summary>The key that a token is of, expired or not; null: none. One comparison is made for each token, of whatever key.</summary>
    public ApiKey? Find(string token)
    {
        var parts = token.Split('_', 3);
        var known = parts is [ApiKey.Prefix, _, _] && Now().TryGetValue(parts[1], out var named) ? named : null;
        var (key, secret) = known is not null ? (known, parts[2]) : (_admin, token);
        return _equal(ApiKey.Hash(secret), key is null ? s_nobody : Convert.FromHexString(key.Sha256)) ? key : null;
    }

    /// <summary>False: it was revoked since it was found.</summary>
    public bool Has(ApiKey key) => key == _admin || (Now().TryGetValue(key.Id, out var now) && now.Sha256 == key.Sha256);

    private Dictionary<string, ApiKey> Now()
    {
        if (options.KeyFile is not { } file) return _keys;
        lock (_gate)
        {
            var stat = StatOf(file);
            if (stat == _read) return _keys;
            _read = stat;
            try
            {
                _keys = Read(file);
            }
            catch (BtxException e)
            {
                LogProblem(log, e.Message);
            }

            return _keys;
        }
    }

    private static Dictionary<string, ApiKey> Read(string file) =>
        ApiKeyFile.Read(Option, file).ToDictionary(key => key.Id, StringComparer.Ordinal);

    /// <summary>Links followed, as a mounted secret has them; null: it cannot be opened.</summary>
    public static FileStat? StatOf(string file)
    {
        try
        {
            using var handle = OpenFile.Read(file); // waits for no pipe
            return FileStat.Of(handle);
        }
        catch (Exception e) when (e is BtxException or IOException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}; the keys that were read before stay in force")]
    private static partial void LogProblem(ILogger logger, string problem);
}
