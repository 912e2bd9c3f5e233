using System.CommandLine;
using Btx.Engine;
using Btx.Engine.Registry;
using Btx.Model;
using Btx.Server.Changes;
using Btx.Server.Lifetime;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may change the forest, and from where.</summary>
internal sealed class LivingFlags
{
    private readonly Option<string[]> _roots = new("--expert-root")
    {
        Description = "experts may be added from this directory; repeat it (the source forest's directory always)", HelpName = "DIR", DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _keyFile = new("--admin-key-file")
    {
        Description = "changes of the forest need the key in this file; without one they are taken where --grpc is on loopback only", HelpName = "FILE",
    };

    private readonly Option<bool> _readOnly = new("--read-only") { Description = "serve the forest as it is and take no changes; its directory need not be writable" };

    private readonly Option<string[]> _faults = new("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _roots, _keyFile, _readOnly, _faults }) command.Options.Add(option);
    }

    /// <returns>SHA-256 of the key; null: none is named.</returns>
    /// <exception cref="BtxException">The file cannot be read, can be read by others, or holds no key.</exception>
    public byte[]? ReadKey(ParseResult parsed) => parsed.GetValue(_keyFile) is { } file ? AdminAccess.Hash(AdminAccess.ReadKey(file)) : null;

    /// <returns>Null: the forest is not to be changed.</returns>
    /// <exception cref="BtxException">A root is not there, or a fault point is not one.</exception>
    public RegistryOptions? Read(ParseResult parsed) => parsed.GetValue(_readOnly) ? null : new()
    {
        ExpertRoots = [.. parsed.GetValue(_roots)!.Select(root => Directory.Exists(root) ? Path.GetFullPath(root) : throw new BtxException($"--expert-root {root}: is not a directory"))],
        Fault = new FaultPoints(parsed.GetValue(_faults)!, [.. ForestRegistry.FaultPoints, .. ForestEngine.FaultPoints]).Hook,
        Report = line => Console.Error.WriteLine(line),
    };
}
