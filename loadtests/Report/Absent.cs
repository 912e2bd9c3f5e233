using System.Globalization;
using System.Text.RegularExpressions;
using Btx.Cli;
using Btx.Cli.Charts;
using Btx.LoadTests.Ceilings;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using MathNet.Numerics.Statistics;

namespace Btx.LoadTests.Report;

/// <summary>What a part's absence or damage means, and the command that makes it.</summary>
internal static class Absent
{
    public const string Failures = "No request succeeded: there is nothing to draw. The section on failures says why.";

    public static string Points(ReportModel model) => Of(model, RunDirectory.Points, "No point was measured", "is missing or empty",
        "`btx loadtest sweep … --out RUN` measures the grid, `btx loadtest run … --out RUN` one load.");

    public static string Quality(ReportModel model) =>
        Of(model, RunDirectory.Quality, "How good the models are is not known", model.Quality is null ? null : "holds no figure",
            "`btx loadtest sweep … --evaluation FILE --out RUN` takes it from the JSON of `btx evaluate`; `--quality-tokens N` measures "
            + "it through the server.");

    public static string Change(ReportModel model) => Of(model, RunDirectory.Change, "No expert was added or removed under load", null,
        "`btx loadtest sweep --forest DIR … --out RUN` ends with changes, unless `--change none` says otherwise.");

    public static string Ceiling(ReportModel model) =>
        Of(model, RunDirectory.CeilingFile, "What the generator itself can do is not known", null,
        "`btx loadtest ceiling --json RUN/ceiling.json` measures it.");

    public static string Description(ReportModel model) =>
        Of(model, RunDirectory.Description, "What the run was asked to do is not known", null, null);

    public static string Damage(string file) => $"{file} is there and cannot be read: nothing of it is reported. The section on what is "
        + "missing says where it is damaged.";

    /// <param name="what">For a part that is not there; of one that is damaged less is said.</param>
    /// <param name="why">Null: the file is not there.</param>
    private static string Of(ReportModel model, string file, string what, string? why, string? remedy) =>
        model.Damaged.Contains(file) ? Damage(file)
        : $"{what}: {(why is null ? $"there is no {file}" : $"{file} {why}")}.{(remedy is null ? "" : $" {remedy}")}";
}
