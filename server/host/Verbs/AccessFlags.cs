using Btx.Forest;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may change the forest, and from where.</summary>
internal sealed class AccessFlags
{
    private readonly Flag<bool> _readOnly = new("--read-only",
        "serve the forest as it is and take no changes; its directory need not be writable");

    private readonly FlagTable<Access> _access = new()
    {
        { new Flag<string?>("--admin-key-file FILE", "changes of the forest need the key in this file; without one no changes are taken"),
            (access, file) => access with { AdminKeyHash = file is null ? null : AdminAccess.Hash(AdminAccess.ReadKey(file)) } },
        { new Flag<bool>("--allow-unauthenticated-admin",
            "take changes without a key from every program of this machine (--grpc on loopback only); for experiments"),
            (access, given) => access with { UnauthenticatedAdmin = given } },
        { new Flag<string>("--allowed-hosts NAME,NAME", "names that clients may call this server by, besides localhost and the addresses "
            + "it listens on: api.example.com,*.internal; * for any", ""),
            (access, names) => access with { HostNames = Flags.Split(names) } },
    };

    private readonly FlagTable<RegistryOptions> _changes = new()
    {
        { new Flag<string[]>("--expert-root DIR",
            "experts may be added from this directory; repeat it (the source forest's directory always)", []),
            (options, roots) => options with { ExpertRoots = [.. roots.Select(Root)] } },
        { new Option<string[]>("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] },
            (options, points) => options with { InjectFault = new FaultPoints(points, s_points).Hook } },
    };

    private static readonly string[] s_points = [.. ForestRegistry.FaultPoints, .. ForestEngine.FaultPoints];

    public IEnumerable<Option> All => [.. _changes, .. _access, _readOnly];

    /// <exception cref="BtxException">The key's file cannot be read, can be read by others, or holds no key.</exception>
    public Access ReadAccess(ParseResult parsed) => _access.Read(parsed, new());

    /// <returns>Null: the forest is not to be changed.</returns>
    /// <exception cref="BtxException">A root is not there, or a fault point is not one.</exception>
    public RegistryOptions? Read(ParseResult parsed) =>
        parsed.GetValue(_readOnly) ? null : _changes.Read(parsed, new() { Report = Console.Error.WriteLine });

    private static string Root(string root) => Directory.Exists(root) ? Path.GetFullPath(root)
        : throw new BtxException($"--expert-root {root}: is not a directory");
}
