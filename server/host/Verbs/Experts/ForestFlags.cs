using System.CommandLine;
using Btx.Cli;
using Btx.Server.Changes;
using Btx.Server.Rpc;

namespace Btx.Server.Verbs.Experts;

/// <summary>The flags that name the server whose forest is meant.</summary>
internal sealed class ForestFlags
{
    private readonly ServerFlag _server = new();
    private readonly Flag<string?> _keyFile = new("--admin-key-file FILE", "the server's admin key, which changes need");
    private readonly Flag<string?> _forest = new("--forest DIR", "read this served forest, without a server");

    /// <param name="withDisk">The verb can read a served forest without a server.</param>
    public ForestFlags(bool withDisk = false)
    {
        All = withDisk ? [_server, _keyFile, _forest] : [_server, _keyFile];
        _forest.Validators.Add(given =>
        {
            if (given.GetResult(_server) is not null)
                given.AddError("'--server' and '--forest' are both given; name the server or the directory.");
        });
    }

    public IReadOnlyList<Option> All { get; }

    /// <exception cref="Model.BtxException">The address or the key file cannot be read.</exception>
    public RemoteForest Open(ParseResult parsed)
    {
        var (source, address) = _server.ReadGrpc(parsed);
        return new(address, parsed.GetValue(_keyFile) is { } file ? AdminAccess.ReadKey(file) : null, option: source);
    }

    /// <summary>These flags as they were given, for a command that the same server is to get; each begins with a blank.</summary>
    public string Given(ParseResult parsed) =>
        string.Concat(new Flag<string?>[] { _server, _keyFile }.Where(option => parsed.GetValue(option) is not null)
        .Select(option => $" {option.Name} {parsed.GetValue(option)}"));

    /// <summary>The served forest on disk; null: the server is asked.</summary>
    /// <exception cref="Model.BtxException">A manifest or the journal is at fault.</exception>
    public ForestOnDisk? Disk(ParseResult parsed) => parsed.GetValue(_forest) is { } directory ? ForestOnDisk.Read(directory) : null;
}
