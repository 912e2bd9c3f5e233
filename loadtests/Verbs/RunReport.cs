namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run --json</c> writes.</summary>
/// <param name="ProcessorShare">Processor seconds of the generator a second, while it measured.</param>
/// <param name="Shortened">Requests that were asked longer than the context and were cut.</param>
internal sealed record RunResult(RunDescription Description, PointResult Point, string? Verdict, Ceiling? Ceiling, double ProcessorShare,
    string? GivenUp, bool Stopped, IReadOnlyDictionary<string, string> Errors, int Shortened, IReadOnlyList<string> Unwritten)
{
    /// <summary>A share of the ceiling above which the generator may have held the load back; null without a ceiling.</summary>
    public double? CeilingShare => Ceiling is null ? null : CeilingRun.Share(Ceiling, Point.Summary);
}

/// <summary>A load's figures on the terminal. Intervals are of 95 %.</summary>
internal static class RunReport
{
    public static IEnumerable<string> Lines(RunResult result)
    {
        var (point, load) = (result.Point, result.Description.Load);
        var summary = point.Summary;
        yield return $"load        {point.Settings.Name} through {load.Door}; prompts {load.PromptTokens} tokens of {load.Prompts}; "
            + $"answers {load.OutputTokens}; seed {result.Description.Seed}";
        yield return $"measured    {summary.Seconds:0.0} s after a warm-up of {load.WarmUp}: {summary.Requests} requests, "
            + $"{summary.Failed} failed; prompts of {Mean(summary.PromptTokens, summary)} tokens on average";
        if (result.Shortened > 0)
            yield return "warning: requests longer than the model's context, which were cut to it: "
                + $"{result.Shortened}; the lengths are not those asked for";
        yield return "";
        foreach (var line in Table(summary)) yield return line;
        yield return "";
        yield return $"throughput  {summary.TokensPerSecond:0.0} tokens/s, {summary.RequestsPerSecond:0.00} requests/s; offered "
            + $"{summary.OfferedPerSecond:0.00} requests/s";
        if (result.Verdict is not null) yield return $"goodput     {summary.GoodputPerSecond:0.00} requests/s: {result.Verdict}";
        yield return $"status      {string.Join(", ", summary.Statuses.Select(s => $"{s.Key} {s.Value}"))}";
        foreach (var (status, error) in result.Errors) yield return $"            {status}: {error}";
        if (point.Server is { } server) yield return Server(server, summary);
        if (result.Ceiling is { } ceiling)
        {
            yield return $"generator   {result.ProcessorShare:P0} of a core; the load was {result.CeilingShare:P1} of what it can do "
                + $"({ceiling.TokensPerSecond:0} tokens/s, {ceiling.RequestsPerSecond:0} requests/s, {ceiling.Concurrency} in flight)";
            if (result.CeilingShare > CeilingRun.SafeShare)
                yield return "warning: that is more than half: the generator may have held the load back; spread it over several "
                    + "machines, or trust the server's figures";
        }
        else yield return $"generator   {result.ProcessorShare:P0} of a core; its ceiling was not measured";
    }

    public static IEnumerable<string> Lines(Ceiling ceiling)
    {
        yield return $"{ceiling.Door}, {ceiling.Concurrency} in flight: {ceiling.TokensPerSecond:0} tokens/s, "
            + $"{ceiling.RequestsPerSecond:0} requests/s";
        yield return $"{ceiling.ProcessorSecondsPerToken * 1e6:0.0} µs of processor time a token, of the generator and its server together";
        yield return $"a load of up to {ceiling.TokensPerSecond * CeilingRun.SafeShare:0} tokens/s is measured safely";
    }

    private static string Server(ServerFigures server, LoadSummary summary) =>
        $"server      {server.CompletionTokens / Math.Max(1e-9, server.Seconds):0.0} tokens/s, {server.Requests:0} requests, first token "
        + $"after {server.MeanTimeToFirstToken * 1000:0.0} ms, requests of {server.MeanRequestSeconds * 1000:0.0} ms on average"
        + (summary.EndToEndFromSent is { } seen && server.Requests > 0
        ? $" ({(seen.Mean - server.MeanRequestSeconds) * 1000:0.0} ms less than the client saw from sent on)" : "")
        + (server.DecodeSteps > 0
        ? $"; {server.DecodeSteps:0} decode steps of {server.DecodeSeconds / server.DecodeSteps * 1000:0.00} ms with "
            + $"{server.MeanBatch:0.0} sequences"
        : "")
        + (server.DistinctExperts is { } experts ? $" on {experts:0.00} experts" : "")
        + (server.DistinctMixtureExperts is { } routed ? $" on {routed:0.00} experts a layer" : "");

    private static IEnumerable<string> Table(LoadSummary summary) => TextTable.Lines(["latency, ms", "p50", "p90", "p99", "mean", "max"],
        [
            Row("time to first token", summary.TimeToFirstToken), Row("inter-token", summary.InterToken),
            Row("end to end", summary.EndToEnd), Row("end to end, from sent", summary.EndToEndFromSent),
        ], figuresFrom: 1);

    private static string[] Row(string name, LatencyFigures? figures) => figures is null ? [name, "-", "-", "-", "-", "-"]
        : [name, Cell(figures.P50), Cell(figures.P90), Cell(figures.P99), Milliseconds(figures.Mean), Milliseconds(figures.Max)];

    private static string Cell(Estimate estimate) => estimate is { Low: { } low, High: { } high }
        ? $"{Milliseconds(estimate.Value)} [{Milliseconds(low)}, {Milliseconds(high)}]" : $"{Milliseconds(estimate.Value)} [too few]";

    private static string Milliseconds(double seconds) => $"{seconds * 1000:0.00}";

    private static string Mean(long tokens, LoadSummary summary) => summary.Requests == summary.Failed ? "-"
        : $"{tokens / (double)(summary.Requests - summary.Failed):0.0}";
}
