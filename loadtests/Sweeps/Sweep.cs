using Btx.Cli;
using Btx.LoadTests.Ceilings;
using Btx.LoadTests.Changes;
using Btx.LoadTests.PeerDoors;
using Btx.LoadTests.Quality;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>A whole sweep: the closed loops and rates of the grid, the load curves that follow from them, quality, and changes under load.
/// What is there already is not measured again.</summary>
/// <param name="command">The command line that repeats it.</param>
internal sealed class Sweep(SweepRequest request, QualityRequest quality, ChangeRequest change, string command, ProgressItem progress)
{
    /// <exception cref="LoadTestException">What was measured until then is kept.</exception>
    /// <exception cref="OperationCanceledException">Likewise.</exception>
    public async Task<SweepOutcome> RunAsync(CancellationToken cancellation)
    {
        using var state = SweepState.Open(request.Out, request.Asked);
        var servers = new Servers(request.Servers, state.Directory);
        await using var ended = servers.ConfigureAwait(false);
        var served = new OrderedDictionary<string, ServedFacts>(StringComparer.Ordinal);
        foreach (var precision in request.Servers.Precisions.DefaultIfEmpty("")) // a running server's is what it says
        {
            progress.WriteLine($"asking what is served{(precision.Length > 0 ? $" in {precision}" : "")}");
            var facts = (await servers.ForAsync(precision, cancellation).ConfigureAwait(false)).Facts;
            served[precision.Length > 0 ? precision : facts.Precision] = facts;
        }

        var notes = new List<string>();
        var points = request.Grid.Points(served, notes);
        if (request.Shape.TooLong(served.Values.Min(f => f.ContextLength)) is { } cut) notes.Add(cut);
        state.RequireServed(served.ToDictionary(s => s.Key, s => s.Value.Identity));
        Describe(state.Directory);
        if (quality.Evaluation is { } file)
            RunJson.Write(Path.Combine(state.Directory, RunDirectory.Quality),
                EvaluationQuality.Read(file, points, served.GetValueOrDefault("fp32"), notes));
        foreach (var note in notes.Distinct()) progress.WriteLine($"note: {note}");

        var forest = new ServedPoints(servers, request.Shape);
        await using var ignored = forest.ConfigureAwait(false);
        var peers = new PeerPoints(request.Peers, servers, forest, request.Shape, points[0], state.Directory);
        await using var leaving = peers.ConfigureAwait(false);
        var run = new SweepRun(state, [forest, peers], progress);
        var plan = SweepPlan.Of(points, points[0], request.Repeats, request.ReferenceEvery, request.Shape.Seed);
        progress.WriteLine($"{points.Count} points, {request.Repeats} times each, and the reference point {points[0].Name} "
                + $"{plan.Count(p => p.Reference)} times: {plan.Count} measurements, about {Length(plan.Count)}");
        await CeilingAsync(state.Directory, cancellation).ConfigureAwait(false);
        await run.MeasureAsync(plan, cancellation).ConfigureAwait(false);
        var curve = CurveRates.Points(state.Results, request.Grid);
        if (curve.Count > 0)
        {
            var more = SweepPlan.Following(plan, curve, points[0], request.Repeats, request.ReferenceEvery, request.Shape.Seed);
            progress.WriteLine($"load curves: {curve.Count} points, {request.Repeats} times each: {more.Count} measurements, about {Length(more.Count)}");
            await run.MeasureAsync(more, cancellation).ConfigureAwait(false);
        }

        if (quality.Tokens > 0)
            await new QualityRun(servers, new(TestSplit.Read(request.Corpus), quality.Tokens, quality.Selection),
                Path.Combine(state.Directory, RunDirectory.Quality), progress).MeasureAsync(points, cancellation).ConfigureAwait(false);
        await ChangeAsync(state, servers, forest, points, cancellation).ConfigureAwait(false);
        return new(state.Directory, points.Count + curve.Count, state.Results, [.. notes.Distinct()]);
    }

    // What the generator itself can do, at the largest closed loop; the servers are idle meanwhile.
    private async Task CeilingAsync(string directory, CancellationToken cancellation)
    {
        var file = Path.Combine(directory, RunDirectory.CeilingFile);
        for (var attempt = 0; attempt < 3 && !File.Exists(file); attempt++)
        {
            progress.Report(0, "the generator's own ceiling", 1);
            try
            {
                var ceiling = await CeilingRun.MeasureAsync("grpc", request.Servers.Concurrency, request.Quick ? 0.5 : 3, (int)Math.Max(1,
                    request.Shape.Prompts.Median), (int)Math.Max(1, request.Shape.Outputs.Median), cancellation).ConfigureAwait(false);
                RunJson.Write(file, ceiling);
                progress.WriteLine($"the generator's own ceiling: {ceiling.TokensPerSecond:0} tokens/s, {ceiling.RequestsPerSecond:0} requests/s at "
                        + $"concurrency {ceiling.Concurrency}");
            }
            catch (LoadTestException e)
            {
                progress.WriteLine($"note: {e.Message}");
            }
        }
    }

    private async Task ChangeAsync(SweepState state, Servers servers, ServedPoints forest, IReadOnlyList<PointSettings> points,
        CancellationToken cancellation)
    {
        ServedCopy.Clear(state.Directory);
        var file = Path.Combine(state.Directory, RunDirectory.Change);
        if (change.Rounds == 0 || File.Exists(file)) return;
        var (precision, served) = request.Servers.Forests.First();
        var load = points[0] with
        {
            Mode = "ensemble",
            K = null,
            Load = "closed",
            Rate = null,
            Concurrency = change.Concurrency,
            Precision = precision,
            Options = request.Servers.FirstOptions
        };
        progress.WriteLine($"changes under load: {(change.Guest is null ? "the last expert leaves and comes again" : $"{change.Guest} comes "
                + "and leaves")}, {change.Rounds} times, on a copy of {served}");
        var timeline = await new ChangeExperiment(servers, forest, change.Rounds, change.Quiet, progress)
            .RunAsync(served, precision, load, request.Shape.Seed, change.Guest, state.Directory, cancellation).ConfigureAwait(false);
        RunJson.Write(file, timeline);
    }

    private string Length(int measurements) =>
        Quantity.Seconds(Math.Ceiling(measurements * (request.Shape.Bounds.WarmUpSeconds + request.Shape.Bounds.Seconds!.Value)));

    // Once: a sweep that goes on is still the one that was begun.
    private void Describe(string directory)
    {
        var file = Path.Combine(directory, RunDirectory.Description);
        if (File.Exists(file)) return;
        var shape = request.Shape;
        RunJson.Write(file, new RunDescription
        {
            Started = TimeProvider.System.GetUtcNow(),
            Command = command,
            Machine = ThisMachine.Describe(),
            Version = typeof(Sweep).Assembly.GetName().Version!.ToString(3),
            Load = new("grpc", $"{shape.Texts.Name}: {shape.Mix.Text}", request.Asked["--prompt-tokens"],
                request.Asked["--output-tokens"], $"{shape.Bounds.WarmUpSeconds} s", $"{shape.Bounds.Seconds} "
                    + $"s{(shape.Bounds.Requests is { } n ? $" or {n} requests" : "")}"),
            Objective = shape.Objective,
            Seed = shape.Seed,
        });
    }
}
