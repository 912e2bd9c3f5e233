using System.CommandLine;
using System.Text.Json;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>How verbs declare their options: once, where they are read.</summary>
internal static class Flags
{
    /// <summary>An option that may be left out.</summary>
    /// <param name="value">What its value is called in the help.</param>
    public static Option<T> Flag<T>(this Command command, string name, string description, string? value = null)
    {
        var option = new Option<T>(name) { Description = description, HelpName = value };
        command.Options.Add(option);
        return option;
    }

    /// <summary>An option that has a value where it is left out.</summary>
    /// <param name="among">All values that it may have; none: any.</param>
    public static Option<T> Flag<T>(this Command command, string name, string description, string? value, T usual, params string[] among)
    {
        var option = command.Flag<T>(name, description, value);
        if (usual is not null) option.DefaultValueFactory = _ => usual;
        if (among.Length > 0) option.AcceptOnlyFromAmong(among);
        return option;
    }

    /// <summary>An option that must be there.</summary>
    public static Option<string> Required(this Command command, string name, string description, string value)
    {
        var option = command.Flag<string>(name, description, value);
        option.Required = true;
        return option;
    }
}

/// <summary>What <c>run</c> and <c>sweep</c> both take.</summary>
internal sealed class LoadFlags(Command command, string seeded)
{
    private readonly Option<string> _corpus = command.Required("--corpus", "prompts come from the test split of this corpus", "DIR");
    private readonly Option<string?> _domains =
        command.Flag<string?>("--domains", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)", "MIX");
    private readonly Option<string?> _objective =
        command.Flag<string?>("--objective", $"service objective for the goodput: {ObjectiveCheck.Forms}", "LIMITS");
    private readonly Option<double> _timeout = command.Flag("--timeout", "seconds after which a request is given up", null, 120.0);
    private readonly Option<int> _seed = command.Flag("--seed", $"of {seeded}", null, 1);

    public string Corpus(ParseResult parsed) => parsed.GetValue(_corpus)!;

    public string? Domains(ParseResult parsed) => parsed.GetValue(_domains);

    public DomainMix Mix(ParseResult parsed, PromptTexts texts) => DomainMix.Read("--domains", Domains(parsed), texts.Domains);

    public string? Limits(ParseResult parsed) => parsed.GetValue(_objective);

    public ServiceObjective? Objective(ParseResult parsed) =>
        Limits(parsed) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;

    public double Timeout(ParseResult parsed) => parsed.GetValue(_timeout);

    public int Seed(ParseResult parsed) => parsed.GetValue(_seed);
}

/// <summary><c>--json FILE</c>: the report as JSON; <c>-</c> writes it to standard output in the place of the text.</summary>
internal sealed class JsonFlag(Command command)
{
    private readonly Option<string?> _json =
        command.Flag<string?>("--json", "write it as JSON to this file; -: to standard output, instead of the text", "FILE");

    public bool IsOutput(ParseResult parsed) => parsed.GetValue(_json) == "-";

    /// <summary>Before anything is measured for it. <exception cref="LoadTestException">The file cannot be written.</exception></summary>
    public void RequireWritable(ParseResult parsed)
    {
        if (parsed.GetValue(_json) is null or "-") return;
        Try(parsed, path =>
        {
            if (Directory.Exists(path)) throw new IOException("it is a directory");
            new FileStream(path + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        });
    }

    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    public void Write<T>(ParseResult parsed, T report, IEnumerable<string> lines)
    {
        var output = parsed.InvocationConfiguration.Output;
        if (IsOutput(parsed)) output.WriteLine(JsonSerializer.Serialize(report, RunJson.Indented));
        else foreach (var line in lines) output.WriteLine(line);
        if (parsed.GetValue(_json) is not (null or "-")) Try(parsed, path => RunJson.Write(path, report));
    }

    private void Try(ParseResult parsed, Action<string> write)
    {
        var path = parsed.GetValue(_json)!;
        try
        {
            write(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--json {path} cannot be written: {e.Message}", e);
        }
    }
}
