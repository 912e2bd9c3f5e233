using System.CommandLine;

namespace Btx.Cli;

/// <summary>An option in one line: <c>new Flag&lt;int&gt;("--slots N", "sequences in the cache at a time", 16)</c>.</summary>
public class Flag<T> : Option<T>
{
    /// <param name="form">Its name, and what the help calls its value: <c>--out DIR</c>.</param>
    public Flag(string form, string description) : base(form.Split(' ')[0])
    {
        Description = description;
        HelpName = form.Contains(' ', StringComparison.Ordinal) ? form[(Name.Length + 1)..] : null;
        if (HelpName?.Split('=', '|', '.').Any(word => word is "DIR" or "FILE" or "FOLDER" or "RUN" or "FOREST") != true) return;
        Validators.Add(result =>
        {
            if (result.Tokens.Any(t => t.Value.Length == 0)) result.AddError($"{Name} \"\": expected {HelpName}");
        });
    }

    public Flag(string form, string description, T usual) : this(form, description) => DefaultValueFactory = _ => usual;
}

/// <summary>An option that takes one of a few words.</summary>
public sealed class Choice : Flag<string>
{
    /// <param name="usual">Null: there is no value where none is given.</param>
    public Choice(string name, string[] words, string description, string? usual = null)
        : base($"{name} {string.Join('|', words)}", description)
    {
        if (usual is not null) DefaultValueFactory = _ => usual;
        AcceptOnlyFromAmong(words);
    }
}

/// <summary><c>--json</c>: the report as JSON.</summary>
public sealed class JsonFlag()
    : Flag<string?>("--json FILE", "write the report as JSON to this file; -: to standard output, in the place of the text")
{
    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    /// <param name="save">Writes a text to a file, whole or not at all.</param>
    public void Write(ParseResult parsed, string json, IEnumerable<string> lines, Action<string, string> save)
    {
        var (path, output) = (parsed.GetValue(this), parsed.InvocationConfiguration.Output);
        if (path == "-")
        {
            output.Write(json);
            return;
        }

        foreach (var line in lines) output.WriteLine(line);
        if (path is not null) save(path, json);
    }
}

/// <summary><c>--server</c>: which running server is meant; where the flag does not say, <c>BTX_SERVER</c> does.</summary>
/// <param name="form">What the help calls its value.</param>
/// <param name="usual">Where neither says.</param>
public sealed class ServerFlag(string form, string description, string usual)
    : Flag<string?>($"{Name} {form}", $"{description} ({Variable}, or else {usual})")
{
    public new const string Name = "--server";
    public const string Variable = "BTX_SERVER";
    public const string Usual = "127.0.0.1:8081";

    /// <summary>The server's gRPC port alone.</summary>
    public ServerFlag() : this("ADDRESS", "the running server: its gRPC port, as ADDRESS:PORT or a URL", Usual) { }

    /// <returns>What named the address, for messages, and the gRPC port alone.</returns>
    public (string Source, string Address) ReadGrpc(ParseResult parsed)
    {
        var (source, address) = Read(parsed);
        return (source, address.Split(',')[0]);
    }

    /// <returns>What named the address, for messages, and the address.</returns>
    public (string Source, string Address) Read(ParseResult parsed) =>
        Choose(parsed.GetValue(this), Environment.GetEnvironmentVariable(Variable));

    internal (string Source, string Address) Choose(string? given, string? variable) =>
        given is not null ? (Name, given) : variable is { Length: > 0 } ? (Variable, variable) : (Name, usual);
}

/// <summary><c>--api-key-file</c>: the key that a server asks for; where the flag does not say, <c>BTX_API_KEY</c> holds it. A secret
/// stands on no command line, where every program of the machine could read it.</summary>
public sealed class ApiKeyFlag() : Flag<string?>($"{Name} FILE", $"the server's API key, in a file (else {Variable} holds the key)")
{
    public new const string Name = "--api-key-file";
    public const string Variable = "BTX_API_KEY";

    /// <param name="read">Reads the key of a file.</param>
    /// <param name="problem">What is thrown with a message where the variable holds no key.</param>
    /// <returns>Null: there is none.</returns>
    public string? Read(ParseResult parsed, Func<string, string> read, Func<string, Exception> problem) =>
        Choose(parsed.GetValue(this), Environment.GetEnvironmentVariable(Variable), read, problem);

    internal static string? Choose(string? file, string? key, Func<string, string> read, Func<string, Exception> problem) =>
        file is not null ? read(file) : string.IsNullOrEmpty(key) ? null : key.All(c => c is > ' ' and <= '~') ? key
            : throw problem($"{Variable}: holds no key; expected ASCII characters without blanks");
}

/// <summary>Flags that several programs have, and short forms.</summary>
public static class Flags
{
    /// <param name="what">What is done there.</param>
    public static Flag<string> Device(string what) => new("--device cpu|cuda[:n]", what, "cpu");

    /// <param name="what">What they do.</param>
    /// <param name="least">0: the program says what 0 means.</param>
    public static Flag<int> Threads(string what, int usual, int least = 1) =>
        new Flag<int>("--threads N", what, usual).Between(least, 1024);

    /// <summary>Refuses other values.</summary>
    public static Flag<int> Between(this Flag<int> flag, int least, int most = int.MaxValue)
    {
        flag.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !int.TryParse(given.Value, out _)) return; // the parser says so
            var n = result.GetValueOrDefault<int>();
            if (n < least || n > most) result.AddError($"{flag.Name} {n}: expected {least} to {most}");
        });
        return flag;
    }

    /// <summary>Refuses other values.</summary>
    public static Flag<double> Between(this Flag<double> flag, double least, double most)
    {
        flag.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !double.TryParse(given.Value, out _)) return;
            var value = result.GetValueOrDefault<double>();
            if (!(value >= least && value <= most)) result.AddError($"{flag.Name} {value}: expected {least} to {most}");
        });
        return flag;
    }

    /// <summary>Names separated by commas; the flag may be repeated. A list that names nothing is refused: where the flag is left out it
    /// often means all.</summary>
    public static Flag<string[]> Names(string form, string description)
    {
        var flag = new Flag<string[]>(form, description, [])
        {
            AllowMultipleArgumentsPerToken = true,
            CustomParser = result => [.. result.Tokens.SelectMany(t => Split(t.Value))],
        };
        flag.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(t => Split(t.Value).Length == 0) is { } none)
                result.AddError($"{flag.Name} \"{none.Value}\": names nothing; expected {flag.HelpName}");
        });
        return flag;
    }

    /// <summary>What stands between commas.</summary>
    public static string[] Split(string? list) =>
        list?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    public static void Add(this Command command, params IEnumerable<Option> flags)
    {
        foreach (var flag in flags) command.Options.Add(flag);
    }
}
