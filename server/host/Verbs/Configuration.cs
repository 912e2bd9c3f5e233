using System.Collections;
using System.Text.RegularExpressions;
using Btx.Model.Files;

namespace Btx.Server.Verbs;

/// <summary>
/// A verb's options from a JSON file and from variables: an option that the command line does not have is taken from its variable, else
/// from the file. What they say becomes flags, so the parser has the only rules. All follows from the list of options: what is added to it
/// can be configured.
/// </summary>
/// <param name="verb">Its options are the ones; a hidden one is for tests.</param>
/// <param name="prefix">Of the variables: <c>BTX_SERVE_</c>.</param>
internal sealed partial class Configuration(Command verb, string prefix)
{
    private const int LongestFile = 1 << 20;
    private const string TrueOrFalse = "true or false";
    private static readonly JsonDocumentOptions s_json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
    private readonly HashSet<Option> _refused = [];
    private bool _isUnread; // a file was named, and is none
    private readonly Dictionary<string, string> _sources = new(StringComparer.Ordinal); // of an option's value, by its name

    /// <summary>Names the file.</summary>
    public Flag<string?> File { get; } = new("--config FILE", "a JSON object with options of this verb: see docs/configuration.md");

    /// <summary>What is wrong with the file and the variables, once they were read.</summary>
    public Problems Problems { get; } = [];

    /// <summary>True if an option may be configured, in what cannot be read of it.</summary>
    public bool Refuses(Option option) => _isUnread || _refused.Contains(option);

    private IEnumerable<Option> Options => verb.Options.Where(option => !option.Hidden);

    /// <summary>Reads the file and the variables.</summary>
    /// <param name="args">Of the verb.</param>
    /// <returns>The arguments, with what was configured before them.</returns>
    public string[] Complete(string[] args, IDictionary variables)
    {
        var parsed = verb.Parse(args);
        var given = Options.Where(option => parsed.GetResult(option) is { Implicit: false }).ToHashSet();
        var values = OfVariables(variables);
        var named = parsed.GetResult(File) is { Implicit: false, Tokens: var tokens } ? tokens.Select(token => token.Value).ToArray()
            : values.GetValueOrDefault(File).Values ?? [];
        var file = named.FirstOrDefault();
        if (named.Length > 1)
        {
            (file, _isUnread) = (null, true);
            Problems.Add($"{File.Name} is given {named.Length} times; name one file");
        }
        else if (values.TryGetValue(File, out var configured)) _sources[File.Name] = configured.Source;
        foreach (var (option, value) in file is null ? [] : OfFile(file)) values.TryAdd(option, value);
        List<string> flags = [];
        foreach (var (option, (source, texts)) in values.Where(one => !given.Contains(one.Key)))
        {
            string[] words = [.. texts.Select(text => $"{option.Name}={text}")];
            var errors = new Command(verb.Name) { option }.Parse(words).Errors; // alone: what is said of the whole hides it
            if (Expected(option) == TrueOrFalse && !bool.TryParse(texts[0], out _)) // the parser takes it for an argument
                Problems.Add($"{source}: {option.Name} \"{BtxException.OneLine(texts[0], 100)}\": expected {TrueOrFalse}");
            else Problems.AddRange(errors.Select(error => $"{source}: {UsageError.Plain(error.Message, option.Name)}"));
            if (errors.Count > 0)
            {
                _refused.Add(option);
                continue;
            }

            _sources[option.Name] = source;
            flags.AddRange(words);
        }

        return [.. flags, .. args];
    }

    /// <summary>A message, with where the options that it names were configured.</summary>
    public string Explain(string message)
    {
        var named = Flag().Matches(message).Select(match => match.Value).Distinct()
            .Where(_sources.ContainsKey).Select(name => $"{name} is from {_sources[name]}").ToArray();
        return named.Length == 0 ? message : $"{message} ({string.Join(", ", named)})";
    }

    /// <summary>All options as a table in Markdown.</summary>
    public IEnumerable<string> Table() =>
    [
        "| flag | key in the file | variable | default | what |",
        "|---|---|---|---|---|",
        .. from option in Options
           let key = option == File ? "" : $"`{KeyOf(option)}`"
           let flag = Cell($"{option.Name} {option.HelpName}".TrimEnd())
           select $"| `{flag}` | {key} | `{VariableOf(option)}` | {Default(option)} | {Cell(option.Description!)} |",
    ];

    internal static string KeyOf(Option option) => option.Name.TrimStart('-').Replace('-', '_');

    internal string VariableOf(Option option) => prefix + KeyOf(option).ToUpperInvariant();

    // Empty is not set, as everywhere in a shell.
    private Dictionary<Option, (string Source, string[] Values)> OfVariables(IDictionary variables)
    {
        var found = new Dictionary<Option, (string, string[])>();
        foreach (var (name, value) in variables.Cast<DictionaryEntry>().Select(one => ((string)one.Key, (string?)one.Value))
            .Where(one => one.Item1.StartsWith(prefix, StringComparison.Ordinal) && one.Item2?.Length > 0)
            .OrderBy(one => one.Item1, StringComparer.Ordinal))
        {
            if (Options.FirstOrDefault(option => VariableOf(option) == name) is { } option) found[option] = (name, [value!]);
            else Problems.Add($"{BtxException.OneLine(name, 100)}: `{verb.Name}` has no such option");
        }

        return found;
    }

    private IEnumerable<KeyValuePair<Option, (string Source, string[] Values)>> OfFile(string file)
    {
        JsonElement all;
        try
        {
            var text = BoundedFile.Read(file, LongestFile).AsMemory();
            all = JsonDocument.Parse(text.Span.StartsWith("\uFEFF"u8) ? text[3..] : text, s_json).RootElement;
        }
        catch (Exception e) when (e is JsonException or BtxException)
        {
            _isUnread = true;
            Problems.Add($"{File.Name} {BtxException.OneLine(file)}: cannot be read ({BtxException.OneLine(e.Message)})");
            yield break;
        }

        if (all.ValueKind != JsonValueKind.Object)
        {
            _isUnread = true;
            Problems.Add($"{File.Name} {BtxException.OneLine(file)}: is no JSON object");
        }
        else
        {
            foreach (var same in all.EnumerateObject().GroupBy(one => one.Name))
            {
                var source = $"{BtxException.OneLine(file)}:{BtxException.OneLine(same.Key, 100)}";
                var option = Options.FirstOrDefault(one => KeyOf(one) == same.Key && one != File);
                string[]? words = null;
                if (same.Count() > 1) Problems.Add($"{source}: is given twice");
                else if (option is null) Problems.Add($"{source}: `{verb.Name}` has no such option");
                else if ((words = Words(option, same.Single().Value)) is null)
                    Problems.Add($"{source}: is {Kind(same.Single().Value)}; expected {Expected(option)}");
                if (words is not null) yield return new(option!, (source, words));
                else if (option is not null) _refused.Add(option);
            }
        }
    }

    /// <summary>Null: the value is of another type.</summary>
    private static string[]? Words(Option option, JsonElement value) => (Expected(option), value.ValueKind) switch
    {
        (TrueOrFalse, JsonValueKind.True) => ["true"],
        (TrueOrFalse, JsonValueKind.False) => ["false"],
        ("a number", JsonValueKind.Number) => [value.GetRawText()],
        ("a text", JsonValueKind.String) => [value.GetString()!],
        ("a list of texts", JsonValueKind.Array) when value.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String) =>
            [.. value.EnumerateArray().Select(one => one.GetString()!)],
        _ => null,
    };

    private static string Expected(Option option)
    {
        var type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        return type == typeof(bool) ? TrueOrFalse : type.IsArray ? "a list of texts" : type == typeof(string) ? "a text" : "a number";
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => TrueOrFalse,
    };

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Default(Option option) => (option.HasDefaultValue ? option.GetDefaultValue() : null) switch
    {
        null => "",
        bool value => value ? "`true`" : "`false`",
        Array { Length: 0 } => "",
        Array list => $"`{string.Join(',', list.Cast<object>())}`",
        var value => $"`{value}`",
    };

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")]
    private static partial Regex Flag();
}
