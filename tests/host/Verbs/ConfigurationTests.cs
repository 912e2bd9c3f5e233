using System.Collections;
using System.CommandLine;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

/// <summary>The options of <c>serve</c> from a file and from variables.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private const string Rewrite = "BTX_WRITE_DOCS"; // set: the table is written, not compared
    private readonly string _file = Path.GetTempFileName();
    private readonly Command _serve;
    private readonly Configuration _configuration;

    public ConfigurationTests() => _serve = ServeVerb.Create(out _configuration);

    public void Dispose() => File.Delete(_file);

    public static TheoryData<string> Names => [.. ServeVerb.Create(out _).Options.Where(o => !o.Hidden).Select(o => o.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_option_is_a_flag_a_variable_and_a_key_in_that_order(string name)
    {
        var option = _serve.Options.Single(option => option.Name == name);
        var (one, other, third) = Samples(option);
        var (key, variable) = (Configuration.KeyOf(option), _configuration.VariableOf(option));
        Assert.Equal(("--" + key.Replace('_', '-'), $"BTX_SERVE_{key.ToUpperInvariant()}"), (name, variable));
        if (option == _configuration.File) return; // it is read at once, see below
        File.WriteAllText(_file, $"{{\"{key}\": {Json(option, one)}}}");
        Assert.Equal(Value(option, [$"{name}={one}"]), Value(option, Complete(["--config", _file])));
        Assert.Equal(Value(option, [$"{name}={other}"]), Value(option, Complete(["--config", _file], (variable, other))));
        Assert.Equal(Value(option, [$"{name}={third}"]),
            Value(option, Complete(["--config", _file, $"{name}={third}"], (variable, other))));
        Assert.Equal(Value(option, [$"{name}={other}"]), Value(option, Complete([], (variable, other))));
        Assert.Equal(Value(option, []), Value(option, Complete([], (variable, ""))));
    }

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once_and_where_it_stands()
    {
        File.WriteAllText(_file, """
            {
              // who may use it
              "slots": "four", "queue": 1.5, "keys": null, "http": ["127.0.0.1:1"], "expert_root": "/data", "read_only": "yes",
              "nonsense": 1, "threads": 1, "threads": 2, "config": "other.json", "averages": "never", "max_streams": 0,
              "grpc": "nowhere", "no_verify": false,
            }
            """);
        Complete(["--config", _file], ("BTX_SERVE_NONSENSE", "1"), ("BTX_SERVE_IDLE_TIME", "soon"), ("BTX_SERVE_INSECURE", "perhaps"),
            ("BTX_SERVER", "127.0.0.1:1"));
        Assert.Equal(new[]
        {
            "BTX_SERVE_NONSENSE: `serve` has no such option",
            $"{_file}:slots: is a text; expected a number",
            $"{_file}:keys: is null; expected a text",
            $"{_file}:http: is a list; expected a text",
            $"{_file}:expert_root: is a text; expected a list of texts",
            $"{_file}:read_only: is a text; expected true or false",
            $"{_file}:nonsense: `serve` has no such option",
            $"{_file}:threads: is given twice",
            $"{_file}:config: `serve` has no such option",
            "BTX_SERVE_IDLE_TIME: --idle-time \"soon\": expected a number",
            "BTX_SERVE_INSECURE: --insecure \"perhaps\": expected true or false",
            $"{_file}:queue: --queue \"1.5\": expected a whole number",
            $"{_file}:averages: --averages \"never\": use load, demand",
            $"{_file}:max_streams: --max-streams 0: expected 1 to 10000",
        }, _configuration.Problems);
        Assert.Equal($"--grpc is \"nowhere\"; expected ADDRESS:PORT (--grpc is from {_file}:grpc)",
            _configuration.Explain("--grpc is \"nowhere\"; expected ADDRESS:PORT"));
        Assert.Equal("--grpcs and --slots", _configuration.Explain("--grpcs and --slots"));
    }

    [Theory]
    [InlineData("{\"slots\": 4", "cannot be read")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("", "cannot be read")]
    [InlineData("""{"forest": "/a", "forest": "/b"}""", ":forest: is given twice")]
    [InlineData("""{"btx": 1}""", ":btx: is a number; expected a text")]
    [InlineData(null, "cannot be read")]
    public void A_mistake_in_the_file_is_told_and_not_what_it_may_have_named(string? text, string expected)
    {
        if (text is not null) File.WriteAllText(_file, text);
        var parsed = _serve.Parse(Complete([], ("BTX_SERVE_CONFIG", text is null ? "/nowhere.json" : _file)));
        Assert.Contains(expected, Assert.Single(_configuration.Problems), StringComparison.Ordinal);
        Assert.Empty(parsed.Errors);
        var told = Told(parsed);
        Assert.Contains(expected, told, StringComparison.Ordinal);
        Assert.DoesNotContain("is required", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_forest_that_nothing_names_is_told_with_the_other_mistakes()
    {
        File.WriteAllText(_file, """{"slots": "four", "http": "127.0.0.1:99999", "grpc": "nowhere"}""");
        var told = Told(_serve.Parse(Complete(["--config", _file])));
        Assert.All([":slots: is a text", "--http is \"127.0.0.1:99999\"", "--grpc is \"nowhere\"", "'--forest' or '--btx' is required"],
            part => Assert.Contains(part, told, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_two_files_neither_is_read()
    {
        File.WriteAllText(_file, """{"slots": "four"}""");
        Complete(["--config", _file, "--config", _file]);
        Assert.Equal(["--config is given 2 times; name one file"], _configuration.Problems);
    }

    [Fact]
    public void A_byte_order_mark_is_no_mistake()
    {
        File.WriteAllText(_file, """{"forest": "served"}""", new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Assert.Contains("--forest=served", Complete(["--config", _file]));
        Assert.Empty(_configuration.Problems);
    }

    private static string Told(ParseResult parsed) => Assert.ThrowsAny<Exception>(() => parsed.InvokeAsync(
        new() { EnableDefaultExceptionHandler = false }, TestContext.Current.CancellationToken).GetAwaiter().GetResult()).Message;

    [Fact]
    public void What_only_a_configuration_says_counts_as_given()
    {
        Assert.Contains(_serve.Parse([]).Errors,
            error => error.Message.Contains("'--forest' or '--btx' is required", StringComparison.Ordinal));
        Assert.Empty(_serve.Parse(Complete([], ("BTX_SERVE_FOREST", "served"))).Errors);
    }

    /// <summary><c>BTX_WRITE_DOCS=1 ./btx test host</c> writes the table.</summary>
    [Fact]
    public void The_documentation_has_all_of_them()
    {
        const string Begin = "<!-- options of serve -->\n", End = "<!-- end -->";
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Btx.Serving.sln"))) directory = directory.Parent;
        var file = Path.Combine(directory.FullName, "docs", "configuration.md");
        var text = File.ReadAllText(file);
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        var table = string.Join('\n', _configuration.Table()) + "\n";
        if (Environment.GetEnvironmentVariable(Rewrite) is not null) File.WriteAllText(file, text[..from] + table + text[to..]);
        else Assert.Equal(table, text[from..to]);
    }

    private string[] Complete(string[] args, params (string Name, string Value)[] variables)
    {
        var environment = new Hashtable();
        foreach (var (name, value) in variables) environment[name] = value;
        return _configuration.Complete(args, environment);
    }

    private string Value(Option option, string[] args)
    {
        Assert.Empty(_configuration.Problems);
        var parsed = _serve.Parse(args);
        Assert.DoesNotContain(parsed.Errors, error => error.SymbolResult is System.CommandLine.Parsing.OptionResult);
        return parsed.GetResult(option) is { Implicit: false } given ? string.Join('|', given.Tokens.Select(token => token.Value))
            : "not given";
    }

    /// <summary>Three values that the option takes; of a switch there are two.</summary>
    private static (string, string, string) Samples(Option option)
    {
        var type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        if (type == typeof(bool)) return ("true", "false", "true");
        if (option.HelpName?.Contains('|', StringComparison.Ordinal) == true && option is Cli.Choice)
            return (option.HelpName.Split('|')[0], option.HelpName.Split('|')[1], option.HelpName.Split('|')[0]);
        return type == typeof(int) || type == typeof(double) ? ("100", "101", "102") : ("a", "b", "-c=@d");
    }

    private static string Json(Option option, string value) =>
        option.ValueType.IsArray ? $"[\"{value}\"]" : double.TryParse(value, out _) || value is "true" or "false" ? value : $"\"{value}\"";
}
