using System.Diagnostics;
using Btx.Cli;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;
using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Changes;

/// <summary>
/// What a client of a constant closed loop sees while an expert leaves the forest and comes again, or comes and leaves. The forest is a
/// copy of the served one; the load is the sweep's.
/// </summary>
/// <param name="rounds">How often it comes and leaves.</param>
/// <param name="quiet">Seconds of load before the first change, between two, and after the last.</param>
internal sealed class ChangeExperiment(Servers servers, ServedPoints points, int rounds, TimeSpan quiet, ProgressItem progress)
{
    /// <summary>Seconds of a window of the timeline.</summary>
    public const double Slice = 0.25;

    /// <summary>Of the copy's changes.</summary>
    private static readonly ChangeAuthor s_by = new()
    {
        Author = "btx loadtest",
        Reason = "a change under load, on a copy of the served forest"
    };

    private readonly List<ChangeTimeline.Change> _changes = [];

    /// <param name="served">The user's, which stays as it is.</param>
    /// <param name="precision">Of it.</param>
    /// <param name="load">A closed loop.</param>
    /// <param name="guest">Directory of the expert that comes and goes; null: the forest's last one goes and comes again.</param>
    /// <param name="run">The run's directory: the copy is made in it, and the records kept.</param>
    /// <exception cref="LoadTestException">The server refuses the change, or went away.</exception>
    public async Task<ChangeTimeline> RunAsync(string served, string precision, PointSettings load, int seed, string? guest, string run,
        CancellationToken cancellation)
    {
        using var copy = new ServedCopy(run, served);
        try
        {
            var inputs = servers.Inputs with
            {
                Forests = new Dictionary<string, string> { [precision] = copy.Directory },
                Mixtures = new Dictionary<string, string>()
            };
            var arguments = inputs.Arguments(precision, load.Options, verified: true).Where(a => a is not "--read-only")
                .Concat(["--allow-unauthenticated-admin", "--expert-root", guest is null ? copy.Directory : Path.GetFullPath(guest)]);
            var server = await servers.StartAsync(arguments, cancellation).ConfigureAwait(false);
            await using var owned = server.ConfigureAwait(false);
            return await RunAsync(server, load, seed, guest, Path.Combine(run, RunDirectory.Requests, "change.jsonl"), cancellation)
                .ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new LoadTestException("the expert cannot be changed under load: "
                + $"{(e.Status.Detail.Length > 0 ? e.Status.Detail.ReplaceLineEndings(" ") : e.StatusCode)}",
                e);
        }
    }

    private async Task<ChangeTimeline> RunAsync(LiveServer server, PointSettings load, int seed, string? guest, string requestsFile,
        CancellationToken cancellation)
    {
        var forest = await server.Forest.ListExpertsAsync(new(), cancellationToken: cancellation).ConfigureAwait(false);
        var (add, present) = Addition(forest, guest);
        var shaped = await points.LoadAsync(server, load, seed, cancellation).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        LoadOutcome outcome;
        var file = new RecordFile(requestsFile);
        var clock = Stopwatch.StartNew();
        var (utc, begun) = (TimeProvider.System.GetUtcNow(), clock.Elapsed);
        double Now() => (clock.Elapsed - begun).TotalSeconds;
        await using (file.ConfigureAwait(false))
        {
            var running = new LoadRun
            {
                Door = shaped.Door,
                Served = shaped.Served,
                Plan = shaped.Plan,
                Routing = shaped.Routing,
                Bounds = new(),
                File = file
            }.RunAsync(stop.Token);
            try
            {
                await PauseAsync(running, cancellation).ConfigureAwait(false);
                for (var change = 0; change < 2 * rounds; change++)
                {
                    progress.Report(change, "changes under load", 2 * rounds);
                    await ChangeAsync(server, (change % 2 == 0) == present ? null : add, add.Name, Now, cancellation).ConfigureAwait(false);
                    await PauseAsync(running, cancellation).ConfigureAwait(false);
                }
            }
            finally
            {
                await stop.CancelAsync().ConfigureAwait(false);
                outcome = await running.ConfigureAwait(false);
            }
        }

        cancellation.ThrowIfCancellationRequested();
        if (file.Fault is { } fault) throw new LoadTestException(fault);
        if (outcome.GivenUp is { } why) throw new LoadTestException(server.Obituary($"changes under load: {why}"));
        // The load's clock is the timeline's; it began a moment after this method's.
        var shift = (outcome.Started - utc).TotalSeconds;
        return new()
        {
            Expert = add.Name,
            Changes = [.. _changes.Select(c =>
                c with { Begin = c.Begin - shift, End = c.End - shift, Phases = [.. c.Phases.Select(p => p with { At = p.At - shift })] })],
            Windows = GapWindows.Of(outcome.Records, Now() - shift, Slice),
            Requests = outcome.Records.Count,
            Failed = outcome.Records.Count(r => !r.Ok),
        };
    }

    private static (AddExpertRequest Add, bool Present) Addition(ListExpertsResponse forest, string? guest)
    {
        if (guest is not null)
        {
            var name = string.Concat(Path.GetFileName(Path.GetFullPath(guest)).ToLowerInvariant()
                .Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'));
            return (new()
            {
                By = s_by,
                Directory = Path.GetFullPath(guest),
                Name = forest.Experts.Any(e => e.Name == name) || name.Length == 0 ? $"guest-{name}" : name
            }, false);
        }

        if (forest.Experts.Count < 2)
            throw new LoadTestException($"changes under load: the forest has {forest.Experts.Count} expert; name one to add with "
                + "--change-expert DIR, or leave changes out with --change none");
        var last = forest.Experts[^1];
        var add = new AddExpertRequest
        {
            By = s_by,
            Directory = last.Path,
            Name = last.Name,
            Domain = last.Domain,
            Sha256 = last.Sha256,
            Parents = { last.Parents }
        };
        return (add, true);
    }

    /// <param name="add">Null: the expert leaves.</param>
    private async Task ChangeAsync(LiveServer server, AddExpertRequest? add, string name, Func<double> now, CancellationToken cancellation)
    {
        var kind = add is null ? "remove" : "add";
        var begin = now();
        var phases = new List<ChangeTimeline.Phase>();
        ChangeResult? result = null;
        using var call = add is null
            ? server.Forest.RemoveExpert(new() { By = s_by, Experts = { name }, Lineage = LineagePolicy.Only },
            cancellationToken: cancellation)
            : server.Forest.AddExpert(add, cancellationToken: cancellation);
        while (await call.ResponseStream.MoveNext(cancellation).ConfigureAwait(false))
        {
            var update = call.ResponseStream.Current;
            if (update.Progress is { } progress && phases.LastOrDefault()?.Name != progress.Phase) phases.Add(new(progress.Phase, now()));
            result = update.Result ?? result;
        }

        if (result is null) throw new LoadTestException(server.Obituary($"the server ended the change ({kind} {name}) without a result"));
        _changes.Add(new(kind, result.Change.Id, begin, now(), null, phases));
        progress.WriteLine($"      {kind} {name} under load: {now() - begin:0.00} s, the engine paused {1000 * (result.Swap?.PauseSeconds ?? 0):0.0} ms");
    }

    // The load must go on: its end is the end of the experiment.
    private async Task PauseAsync(Task running, CancellationToken cancellation)
    {
        var pause = Task.Delay(quiet, cancellation);
        await Task.WhenAny(pause, running).ConfigureAwait(false);
        if (pause.IsCompleted) await pause.ConfigureAwait(false);
        else await running.ConfigureAwait(false);
        if (running.IsCompleted) throw new LoadTestException("changes under load: the load ended before the changes did");
    }
}
