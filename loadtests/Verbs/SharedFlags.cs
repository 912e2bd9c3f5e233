namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run</c> and <c>sweep</c> both take.</summary>
internal sealed class LoadFlags(string seeded)
{
    public Flag<string> Corpus { get; } = new("--corpus DIR", "prompts come from the test split of this corpus") { Required = true };

    public Flag<string?> Domains { get; } = new("--domains MIX", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)");

    public Flag<string?> Objective { get; } = new("--objective LIMITS", $"service objective for the goodput: {ObjectiveCheck.Forms}");

    public Flag<double> Timeout { get; } = new("--timeout SECONDS", "seconds after which a request is given up", 120);

    public Flag<int> Seed { get; } = new("--seed N", $"of {seeded}", 1);

    public IReadOnlyList<Option> All => [Corpus, Domains, Objective, Timeout, Seed];

    public DomainMix ReadMix(ParseResult parsed, PromptTexts texts) => DomainMix.Read("--domains", parsed.GetValue(Domains), texts.Domains);

    public ServiceObjective? ReadObjective(ParseResult parsed) =>
        parsed.GetValue(Objective) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;
}

/// <summary>What <c>--json</c> writes.</summary>
internal static class JsonReport
{
    /// <summary>Before anything is measured for it.</summary>
    public static void RequireWritable(this JsonFlag json, ParseResult parsed)
    {
        if (parsed.GetValue(json) is not { } path || path == "-") return;
        LoadTestException.Wrap(Unwritable(path), () =>
        {
            if (Directory.Exists(path)) throw new IOException("it is a directory");
            using var probe = File.Create(path + ".tmp", 1, FileOptions.DeleteOnClose);
        });
    }

    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    public static void Write<T>(this JsonFlag json, ParseResult parsed, T report, IEnumerable<string> lines) =>
        json.Write(parsed, JsonSerializer.Serialize(report, RunJson.Indented) + "\n", lines,
            (path, text) => LoadTestException.Wrap(Unwritable(path), () => RunJson.WriteText(path, text)));

    private static string Unwritable(string path) => $"--json {path} cannot be written";
}
