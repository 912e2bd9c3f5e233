using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run --json</c> writes.</summary>
/// <param name="Verdict">On the objective; null without one.</param>
/// <param name="Ceiling">Null: it was not measured.</param>
/// <param name="ProcessorShare">Processor seconds of the generator a second, while it measured.</param>
/// <param name="GivenUp">Why the load was given up before its bound; null: it was not.</param>
/// <param name="Stopped">By Ctrl-C.</param>
/// <param name="Errors">The first message of each status that is a failure.</param>
/// <param name="Shortened">Requests that were asked longer than the context and were cut.</param>
/// <param name="Unwritten">What could not be written into the run's directory.</param>
internal sealed record RunResult(
    RunDescription Description, PointResult Point, string? Verdict, Ceiling? Ceiling, double ProcessorShare, string? GivenUp, bool Stopped,
    IReadOnlyDictionary<string, string> Errors, int Shortened,
    IReadOnlyList<string> Unwritten)
{
    /// <summary>A share of the ceiling above which the generator may have held the load back; null without a ceiling.</summary>
    public double? CeilingShare => Ceiling is null ? null : Ceilings.CeilingRun.Share(Ceiling, Point.Summary);
}
