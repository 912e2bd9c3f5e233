using Btx.Forest;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may change the forest, and from where.</summary>
internal sealed class ForestFlags
{
    private readonly Flag<string[]> _roots = new("--expert-root DIR",
        "experts may be added from this directory; repeat it (the source forest's directory always)", []);

    private readonly Flag<string?> _keyFile = new("--admin-key-file FILE",
        "changes of the forest need the key in this file; without one no changes are taken");

    private readonly Flag<bool> _unauthenticated = new("--allow-unauthenticated-admin",
        "take changes without a key from every program of this machine (--grpc on loopback only); for experiments");

    private readonly Flag<string> _hosts = new("--allowed-hosts NAME,NAME",
        "names that clients may call this server by, besides localhost and the addresses it listens on: api.example.com,*.internal; * for "
            + "any", "");

    private readonly Flag<bool> _readOnly = new("--read-only",
        "serve the forest as it is and take no changes; its directory need not be writable");

    private readonly Option<string[]> _faults = new("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] };

    public IReadOnlyList<Option> All => [_roots, _keyFile, _unauthenticated, _hosts, _readOnly, _faults];

    /// <exception cref="BtxException">The key's file cannot be read, can be read by others, or holds no key.</exception>
    public Access ReadAccess(ParseResult parsed) => new()
    {
        AdminKeyHash = parsed.GetValue(_keyFile) is { } file ? AdminAccess.Hash(AdminAccess.ReadKey(file)) : null,
        UnauthenticatedAdmin = parsed.GetValue(_unauthenticated),
        HostNames = parsed.GetValue(_hosts)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
    };

    /// <returns>Null: the forest is not to be changed.</returns>
    /// <exception cref="BtxException">A root is not there, or a fault point is not one.</exception>
    public RegistryOptions? Read(ParseResult parsed) => parsed.GetValue(_readOnly) ? null : new()
    {
        ExpertRoots = [.. parsed.GetValue(_roots)!.Select(root => Directory.Exists(root) ? Path.GetFullPath(root)
            : throw new BtxException($"--expert-root {root}: is not a directory"))],
        InjectFault = new FaultPoints(parsed.GetValue(_faults)!, [.. ForestRegistry.FaultPoints, .. ForestEngine.FaultPoints]).Hook,
        Report = line => Console.Error.WriteLine(line),
    };
}
