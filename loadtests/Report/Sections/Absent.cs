namespace Btx.LoadTests.Report.Sections;

/// <summary>What a part's absence means, and the command that makes it.</summary>
internal static class Absent
{
    public const string Points = "No point was measured: points.jsonl is missing or empty. `btx loadtest sweep … --out RUN` measures the grid, `btx loadtest run … --out RUN` one load.";

    public const string Quality = "How good the models are is not known: there is no quality.json. `btx loadtest sweep … --evaluation FILE --out RUN` takes it from the JSON of `btx evaluate`; `--quality-tokens N` measures it through the server.";

    public const string Change = "No expert was added or removed under load: there is no change.json. `btx loadtest sweep --forest DIR … --out RUN` ends with changes, unless `--change none` says otherwise.";

    public const string Ceiling = "What the generator itself can do is not known: there is no ceiling.json. `btx loadtest ceiling --json RUN/ceiling.json` measures it.";

    public const string Description = "What the run was asked to do is not known: there is no loadtest.json.";

    public const string Failures = "No request succeeded: there is nothing to draw. The section on failures says why.";
}
