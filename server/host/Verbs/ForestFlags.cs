using System.CommandLine;
using Btx.Engine;
using Btx.Forest;
using Btx.Model;
using Btx.Server.Changes;
using Btx.Server.Lifetime;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may change the forest, and from where.</summary>
internal sealed class ForestFlags
{
    private readonly Option<string[]> _roots = new("--expert-root")
    {
        Description = "experts may be added from this directory; repeat it (the source forest's directory always)",
        HelpName = "DIR",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _keyFile = new("--admin-key-file")
    {
        Description = "changes of the forest need the key in this file; without one no changes are taken",
        HelpName = "FILE",
    };

    private readonly Option<bool> _unauthenticated = new("--allow-unauthenticated-admin")
    {
        Description = "take changes without a key from every program of this machine (--grpc on loopback only); for experiments",
    };

    private readonly Option<string> _hosts = new("--allowed-hosts")
    {
        Description =
            "names that clients may call this server by, besides localhost and the addresses it "
            + "listens on: api.example.com,*.internal; * for any",
        HelpName = "NAME,NAME",
        DefaultValueFactory = _ => "",
    };

    private readonly Option<bool> _readOnly =
        new("--read-only") { Description = "serve the forest as it is and take no changes; its directory need not be writable" };

    private readonly Option<string[]> _faults = new("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _roots, _keyFile, _unauthenticated, _hosts, _readOnly, _faults }) command.Options.Add(option);
    }

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
