using System.Diagnostics;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep is to do, checked as far as that goes without a server.</summary>
/// <param name="Asked">All that decides what is measured, by option: what a sweep that goes on must be asked again.</param>
/// <param name="ReferenceEvery">Points between two measurements of the reference point.</param>
internal sealed record SweepRequest(string Out, IReadOnlyDictionary<string, string> Asked, Grid Grid, ServerInputs Servers, LoadShape Shape,
    IReadOnlyList<PeerChoice> Peers, int Repeats, int ReferenceEvery, double CeilingSeconds, QualityRequest Quality, ChangeRequest Change);

/// <summary>What a sweep left behind.</summary>
internal sealed record SweepOutcome(string Directory, int Points, IReadOnlyList<PointResult> Results, IReadOnlyList<string> Notes);

/// <summary>A whole sweep: closed loops and rates, load curves, quality, changes. What is there already is not measured again.</summary>
internal sealed class Sweep(SweepRequest request, string command, ProgressItem progress)
{
    public async Task<SweepOutcome> RunAsync(CancellationToken cancellation)
    {
        var (grid, shape, quality) = (request.Grid, request.Shape, request.Quality);
        using var state = SweepState.Open(request.Out, request.Asked);
        await using var servers = new Servers(request.Servers, state.Directory);
        var served = new OrderedDictionary<string, ServedFacts>(StringComparer.Ordinal);
        foreach (var precision in request.Servers.Precisions.DefaultIfEmpty("")) // a running server's is what it says
        {
            progress.WriteLine($"asking what is served{(precision.Length > 0 ? $" in {precision}" : "")}");
            var facts = (await servers.ForAsync(precision, cancellation)).Facts;
            served[precision.Length > 0 ? precision : facts.Precision] = facts;
        }

        var notes = new List<string>();
        var points = grid.Points(served, notes);
        if (shape.TooLong(served.Values.Min(f => f.ContextLength)) is { } cut) notes.Add(cut);
        state.RequireServed(served.ToDictionary(s => s.Key, s => s.Value.Identity));
        Describe(state.At(RunDirectory.Description));
        var qualityFile = state.At(RunDirectory.Quality);
        if (quality.Evaluation is { } file)
            RunJson.Write(qualityFile, EvaluationQuality.Read(file, points, served.GetValueOrDefault("fp32"), notes));
        foreach (var note in notes.Distinct()) progress.WriteLine($"note: {note}");

        await using var source = new SweepPoints(servers, request.Peers, shape, points[0], state.Directory);
        var plan = SweepPlan.Of(points, points[0], request.Repeats, request.ReferenceEvery, shape.Seed);
        progress.WriteLine($"{points.Count} points, {request.Repeats} times each, and the reference point {points[0].Name} "
            + $"{plan.Count(p => p.Reference)} times: {plan.Count} measurements, about {Length(plan.Count)}");
        await CeilingAsync(state.At(RunDirectory.CeilingFile), cancellation);
        await MeasureAsync(plan, state, source, cancellation);
        var curve = CurveRates.Points(state.Results, grid);
        if (curve.Count > 0)
        {
            var more = SweepPlan.Of(curve, points[0], request.Repeats, request.ReferenceEvery, shape.Seed, plan);
            progress.WriteLine($"load curves: {curve.Count} points, {request.Repeats} times each: {more.Count} measurements, about "
                + Length(more.Count));
            await MeasureAsync(more, state, source, cancellation);
        }

        if (quality.Tokens > 0)
            await new ScoredQuality(servers, shape.Texts, quality.Tokens, quality.Selection, shape.Router, qualityFile, progress)
                .MeasureAsync(points, cancellation);
        await ChangeAsync(state, servers, source, cancellation);
        return new(state.Directory, points.Count + curve.Count, state.Results, [.. notes.Distinct()]);
    }

    // In the plan's order; what the directory holds already is left out.
    private async Task MeasureAsync(IReadOnlyList<PlannedPoint> plan, SweepState state, SweepPoints source, CancellationToken cancellation)
    {
        PlannedPoint[] open = [.. plan.Where(p => !state.Has(p))];
        var done = plan.Count - open.Length;
        if (done > 0) progress.WriteLine($"{done} of {plan.Count} measurements are there already");
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < open.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            progress.Report(done + i, open[i].Name, plan.Count);
            var result = await source.MeasureAsync(open[i], cancellation);
            state.Add(result);
            var seconds = Math.Ceiling(clock.Elapsed.TotalSeconds / (i + 1) * (open.Length - i - 1));
            var left = seconds > 0 ? $"  {Quantity.Seconds(seconds)} left" : "";
            progress.WriteLine($"{done + i + 1,4}/{plan.Count}  {open[i].Name,-44} {Line(result.Summary)}{left}");
        }
    }

    // What the generator itself can do, at the largest closed loop; the servers are idle meanwhile.
    private async Task CeilingAsync(string file, CancellationToken cancellation)
    {
        if (File.Exists(file)) return;
        progress.Report(0, "the generator's own ceiling", 1);
        try
        {
            var ceiling = await CeilingRun.MeasureAsync("grpc", request.Servers.Concurrency, request.CeilingSeconds,
                request.Shape.Prompts, request.Shape.Outputs, cancellation);
            RunJson.Write(file, ceiling);
            progress.WriteLine($"the generator's own ceiling: {ceiling.TokensPerSecond:0} tokens/s, {ceiling.Concurrency} in flight");
        }
        catch (LoadTestException e)
        {
            progress.WriteLine($"note: {e.Message}");
        }
    }

    private async Task ChangeAsync(SweepState state, Servers servers, SweepPoints source, CancellationToken stop)
    {
        var change = request.Change;
        ServedCopy.Clear(state.Directory);
        if (change.Rounds == 0 || File.Exists(state.At(RunDirectory.Change))) return;
        var (precision, served) = request.Servers.Forests.First();
        var load = new PointSettings("ensemble", null, "closed", change.Concurrency, null, precision, request.Servers.FirstOptions);
        var what = change.Guest is null ? "the last expert leaves and comes again" : $"{change.Guest} comes and leaves";
        progress.WriteLine($"changes under load: {what}, {change.Rounds} times, on a copy of {served}");
        RunJson.Write(state.At(RunDirectory.Change), await new ChangeExperiment(servers, source, change, progress)
            .RunAsync(served, load, request.Shape.Seed, state.Directory, stop));
    }

    // Once: a sweep that goes on is still the one that was begun.
    private void Describe(string file)
    {
        if (File.Exists(file)) return;
        var (shape, bounds, asked) = (request.Shape, request.Shape.Bounds, request.Asked);
        var load = new LoadDescription("grpc", $"{shape.Texts.Name}: {shape.Mix.Text}", asked["--prompt-tokens"], asked["--output-tokens"],
            $"{bounds.WarmUpSeconds} s", $"{bounds.Seconds} s{(bounds.Requests is { } n ? $" or {n} requests" : "")}");
        RunJson.Write(file, RunDescription.Now(command, load, shape.Objective, shape.Seed));
    }

    private string Length(int measurements) =>
        Quantity.Seconds(measurements * (request.Shape.Bounds.WarmUpSeconds + request.Shape.Bounds.Seconds!.Value));

    private static string Line(LoadSummary s) =>
        $"{s.TokensPerSecond,8:0.0} tokens/s {s.RequestsPerSecond,7:0.00} requests/s  first token {Milliseconds(s.TimeToFirstToken)}  "
        + $"token {Milliseconds(s.InterToken)}{(s.Failed > 0 ? $"  {s.Failed} of {s.Requests} failed" : "")}";

    private static string Milliseconds(LatencyFigures? figures) => figures is null ? "     – ms" : $"{1000 * figures.P50.Value,6:0.0} ms";
}
