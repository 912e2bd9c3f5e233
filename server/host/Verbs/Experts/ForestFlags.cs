using System.CommandLine;
using Btx.Server.Changes;
using Btx.Server.Rpc;

namespace Btx.Server.Verbs.Experts;

/// <summary>The flags that name the server whose forest is meant.</summary>
internal sealed class ForestFlags
{
    private readonly ServerFlag _server = new();
    private readonly Option<string?> _keyFile = new("--admin-key-file")
    {
        Description = "the server's admin key, which changes need",
        HelpName = "FILE"
    };
    private readonly Option<string?> _forest = new("--forest")
    {
        Description = "read this served forest, without a server",
        HelpName = "DIR"
    };

    public void AddTo(Command command, bool withDisk = false)
    {
        command.Options.Add(_server.Option);
        command.Options.Add(_keyFile);
        if (!withDisk) return;
        command.Options.Add(_forest);
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(_forest) is not null && parsed.GetValue(_server.Option) is not null)
                parsed.AddError("'--server' and '--forest' are both given; name the server or the directory.");
        });
    }

    /// <exception cref="Model.BtxException">The address or the key file cannot be read.</exception>
    public RemoteForest Open(ParseResult parsed)
    {
        var (source, address) = _server.Read(parsed);
        return new(address, parsed.GetValue(_keyFile) is { } file ? AdminAccess.ReadKey(file) : null, option: source);
    }

    /// <summary>These flags as they were given, for a command that the same server is to get; each begins with a blank.</summary>
    public string Given(ParseResult parsed) =>
        string.Concat(new[] { _server.Option, _keyFile }.Where(option => parsed.GetValue(option) is not null)
        .Select(option => $" {option.Name} {parsed.GetValue(option)}"));

    /// <summary>The served forest on disk; null: the server is asked.</summary>
    /// <exception cref="Model.BtxException">A manifest or the journal is at fault.</exception>
    public ForestOnDisk? Disk(ParseResult parsed) => parsed.GetValue(_forest) is { } directory ? ForestOnDisk.Read(directory) : null;
}
