using System.Globalization;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>The flags that name the server whose forest is meant.</summary>
internal sealed class ForestFlags
{
    private const string Remedy =
        "start one with `btx serve --forest S`; list, history and show read a served forest without one: --forest S";

    private readonly ServerFlag _server = new();
    private readonly Flag<string?> _keyFile = new("--admin-key-file FILE", "the server's admin key, which changes need");
    private readonly ApiKeyFlag _apiKey = new();
    private readonly TlsFlags _tls = new();
    private readonly Flag<string?> _forest = new("--forest DIR", "read this served forest, without a server");

    /// <param name="withDisk">The verb can read a served forest without a server.</param>
    public ForestFlags(bool withDisk = false)
    {
        All = [_server, _keyFile, _apiKey, .. _tls.All, .. withDisk ? [_forest] : Array.Empty<Option>()];
        _apiKey.Validators.Add(given =>
        {
            if (given.GetResult(_keyFile) is not null)
                given.AddError("'--admin-key-file' and '--api-key-file' are both given; a call has one key.");
        });
        _forest.Validators.Add(given =>
        {
            if (given.GetResult(_server) is not null)
                given.AddError("'--server' and '--forest' are both given; name the server or the directory.");
        });
    }

    public IReadOnlyList<Option> All { get; }

    /// <exception cref="BtxException">The address or the key file cannot be read.</exception>
    public BtxClient Open(ParseResult parsed)
    {
        var (source, address) = _server.ReadGrpc(parsed);
        return new(new BtxClientOptions
        {
            Address = address,
            AddressName = source,
            Remedy = Remedy,
            Key = parsed.GetValue(_keyFile) is { } file ? SecretFile.ReadKey(_keyFile.Name, file) : _apiKey.ReadKey(parsed),
            Tls = _tls.Read(parsed),
        });
    }

    /// <summary>These flags as they were given, for a command that the same server is to get; each begins with a blank.</summary>
    public string Given(ParseResult parsed) =>
        string.Concat(((Flag<string?>[])[_server, _keyFile, _apiKey, .. _tls.Texts]).Where(option => parsed.GetValue(option) is not null)
        .Select(option => $" {option.Name} {parsed.GetValue(option)}"));

    /// <summary>The directory of a served forest that is read without a server; null: the server is asked.</summary>
    public string? Directory(ParseResult parsed) => parsed.GetValue(_forest);
}

/// <summary>Who makes a change, and why.</summary>
/// <param name="ask">Asks the person at the terminal; null where there is none.</param>
internal sealed class AuthorFlags(Func<string, string?> ask)
{
    private readonly Flag<string?> _reason = new("--reason TEXT",
        "why: goes into the journal and the certificate; asked for if it is not given");
    private readonly Flag<string> _author = new("--author NAME",
        "who makes the change", $"{Environment.UserName}@{Environment.MachineName}");

    public IReadOnlyList<Option> All => [_reason, _author];

    /// <exception cref="BtxException">No reason is given, and nobody can be asked.</exception>
    public ChangeAuthor Read(ParseResult parsed)
    {
        var reason = parsed.GetValue(_reason) ?? ask("reason for the change: ");
        if (string.IsNullOrWhiteSpace(reason))
            throw new BtxException(
                "--reason is missing; say why the change is made, for example --reason \"the licence of its text ended\"");
        return new() { Author = parsed.GetValue(_author), Reason = reason };
    }
}

/// <summary>Options of the form NAME=VALUE.</summary>
internal static class Assignments
{
    /// <exception cref="BtxException">No such form, or a name twice.</exception>
    public static IReadOnlyDictionary<string, string> Texts(string option, IEnumerable<string> values)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            var equals = value.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || equals == value.Length - 1) throw new BtxException($"{option} {value}: expected NAME=VALUE");
            if (!read.TryAdd(value[..equals], value[(equals + 1)..])) throw new BtxException($"{option} names {value[..equals]} twice");
        }

        return read;
    }

    /// <inheritdoc cref="Texts"/>
    public static IReadOnlyDictionary<string, double> Weights(string option, IEnumerable<string> values) =>
        Texts(option, values).ToDictionary(
        pair => pair.Key,
        pair => double.TryParse(pair.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && weight >= 0
            && double.IsFinite(weight)
            ? weight
            : throw new BtxException($"{option} {pair.Key}={pair.Value}: expected a weight of 0 or more"));
}
