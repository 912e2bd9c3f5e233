using System.Diagnostics;
using System.Text.Json.Nodes;
using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Sweeps;

/// <summary>Which changes under load a sweep ends with.</summary>
/// <param name="Rounds">How often an expert comes and leaves; 0: no changes.</param>
/// <param name="Guest">Directory of the expert that comes and leaves; null: the forest's last one leaves and comes again.</param>
/// <param name="Quiet">Time before, between and after changes.</param>
internal sealed record ChangeRequest(int Rounds, string? Guest, int Concurrency, TimeSpan Quiet);

/// <summary>What a constant closed loop sees while an expert leaves a copy of the forest and comes again, or the reverse.</summary>
internal sealed class ChangeExperiment(Servers servers, SweepPoints points, ChangeRequest request, ProgressItem progress)
{
    public const double Slice = 0.25;

    private static readonly ChangeAuthor s_by = new() { Author = "btx loadtest", Reason = "a change under load on a copy" };

    private readonly List<ChangeTimeline.Change> _changes = [];

    /// <param name="served">The user's, which stays as it is.</param>
    public async Task<ChangeTimeline> RunAsync(string served, PointSettings load, int seed, string run, CancellationToken cancellation)
    {
        using var copy = new ServedCopy(run, served);
        try
        {
            var inputs = servers.Inputs.Of(load.Precision, copy.Directory);
            var arguments = inputs.Arguments(load.Precision, load.Options, verified: true).Where(a => a is not "--read-only")
                .Concat(["--allow-unauthenticated-admin", "--expert-root", Path.GetFullPath(request.Guest ?? copy.Directory)]);
            await using var server = await servers.StartAsync(arguments, cancellation);
            return await RunAsync(server, load, seed, Path.Combine(run, RunDirectory.Requests, "change.jsonl"), cancellation);
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new LoadTestException($"the expert cannot be changed under load: {GrpcClient.Reason(e)}", e);
        }
    }

    private async Task<ChangeTimeline> RunAsync(LiveServer server, PointSettings load, int seed, string requestsFile,
        CancellationToken cancellation)
    {
        var add = Addition(await server.Forest.ListExpertsAsync(new(), cancellationToken: cancellation));
        var shaped = await points.LoadAsync(server, load, seed, cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        LoadOutcome outcome;
        var file = new RecordFile(requestsFile);
        var (clock, utc) = (Stopwatch.StartNew(), TimeProvider.System.GetUtcNow());
        double Now() => clock.Elapsed.TotalSeconds;
        await using (file)
        {
            var running = (shaped with { Bounds = new(), File = file }).RunAsync(stop.Token);
            try
            {
                await PauseAsync(running, cancellation);
                for (var change = 0; change < 2 * request.Rounds; change++)
                {
                    progress.Report(change, "changes under load", 2 * request.Rounds);
                    await ChangeAsync(server, change % 2 == (request.Guest is null ? 1 : 0) ? add : null, add.Name, Now, cancellation);
                    await PauseAsync(running, cancellation);
                }
            }
            finally
            {
                await stop.CancelAsync();
                outcome = await running;
            }
        }

        cancellation.ThrowIfCancellationRequested();
        if (file.Problem is { } problem) throw new LoadTestException(problem);
        if (outcome.GivenUp is { } why) throw new LoadTestException(server.ExitReport($"changes under load: {why}"));
        // The load's clock is the timeline's; it began a moment after this method's.
        var shift = (outcome.Started - utc).TotalSeconds;
        var changes = _changes.Select(c =>
            c with { Begin = c.Begin - shift, End = c.End - shift, Phases = [.. c.Phases.Select(p => p with { At = p.At - shift })] });
        return new(add.Name, [.. changes], GapWindows.Of(outcome.Records, Now() - shift, Slice), outcome.Records.Count,
            outcome.Records.Count(r => !r.Ok));
    }

    private AddExpertRequest Addition(ListExpertsResponse forest)
    {
        if (request.Guest is { } guest)
        {
            var name = string.Concat(Path.GetFileName(Path.GetFullPath(guest)).ToLowerInvariant()
                .Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'));
            if (forest.Experts.Any(e => e.Name == name) || name.Length == 0) name = $"guest-{name}";
            return new() { By = s_by, Directory = Path.GetFullPath(guest), Name = name };
        }

        if (forest.Experts.Count < 2)
            throw new LoadTestException("changes under load: the forest has one expert; give --change-expert DIR, or --change none");
        var last = forest.Experts[^1];
        var add = new AddExpertRequest { By = s_by, Directory = last.Path, Name = last.Name, Domain = last.Domain, Sha256 = last.Sha256 };
        add.Parents.AddRange(last.Parents);
        return add;
    }

    /// <param name="add">Null: the expert leaves.</param>
    private async Task ChangeAsync(LiveServer server, AddExpertRequest? add, string name, Func<double> now, CancellationToken cancellation)
    {
        var (kind, begin) = (add is null ? "remove" : "add", now());
        var phases = new List<ChangeTimeline.Phase>();
        ChangeResult? result = null;
        var remove = new RemoveExpertRequest { By = s_by, Experts = { name }, Lineage = LineagePolicy.Only };
        using var call = add is null ? server.Forest.RemoveExpert(remove, cancellationToken: cancellation)
            : server.Forest.AddExpert(add, cancellationToken: cancellation);
        while (await call.ResponseStream.MoveNext(cancellation))
        {
            var update = call.ResponseStream.Current;
            if (update.Progress is { } progress && phases.LastOrDefault()?.Name != progress.Phase) phases.Add(new(progress.Phase, now()));
            result = update.Result ?? result;
        }

        if (result is null)
            throw new LoadTestException(server.ExitReport($"the server ended the change ({kind} {name}) without a result"));
        _changes.Add(new(kind, result.Change.Id, begin, now(), phases));
        progress.WriteLine($"      {kind} {name} under load: {now() - begin:0.00} s, the engine paused "
            + $"{1000 * (result.Swap?.PauseSeconds ?? 0):0.0} ms");
    }

    // The load must go on: its end is the end of the experiment.
    private async Task PauseAsync(Task running, CancellationToken cancellation)
    {
        await (await Task.WhenAny(Task.Delay(request.Quiet, cancellation), running));
        if (running.IsCompleted) throw new LoadTestException("changes under load: the load ended before the changes did");
    }
}

/// <summary>What the clients of a load saw, in slices of its time. A gap counts where it ended.</summary>
internal static class GapWindows
{
    public static IReadOnlyList<ChangeTimeline.Window> Of(IReadOnlyCollection<RequestRecord> records, double seconds, double slice)
    {
        var count = Math.Max(1, (int)Math.Ceiling((seconds / slice) - 1e-9));
        int At(double time) => Math.Clamp((int)(time / slice), 0, count - 1);
        var tokens = records.SelectMany(r => r.TokenTimes().Select((time, i) => (At: At(time), Gap: i > 0 ? r.Gaps[i - 1] : (double?)null)))
            .ToLookup(t => t.At, t => t.Gap);
        var failed = records.Where(r => !r.Ok).ToLookup(r => At(r.End ?? r.Sent));
        return [.. Enumerable.Range(0, count).Select(w =>
        {
            double[] gaps = [.. tokens[w].OfType<double>().Order()];
            var (from, to) = (w * slice, Math.Min(seconds, (w + 1) * slice));
            double? Gap(double share) => gaps.Length > 0 ? Quantile.Value(gaps, share) : null;
            return new ChangeTimeline.Window(from, to, Gap(0.5), Gap(0.99), Gap(1), tokens[w].Count() / Math.Max(1e-9, to - from),
                failed[w].Count());
        })];
    }
}

/// <summary>A served forest of one's own, in a run's directory: changes are made to it, never to the user's. Gone on disposal.</summary>
internal sealed class ServedCopy : IDisposable
{
    private const string Folder = "change-copy";
    private readonly DirectoryInfo _root;

    /// <param name="served">Copied with its journal and with weights that lie in it, not with those of its source forest.</param>
    public ServedCopy(string run, string served)
    {
        _root = new(Path.Combine(run, Folder));
        try
        {
            LoadTestException.Wrap($"--forest {served}: cannot be copied to {_root.FullName} for changes under load", () =>
            {
                Copy(new DirectoryInfo(served), Directory);
                var path = Path.Combine(Directory, "served.json");
                var manifest = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
                if (manifest["source"] is { } source)
                    manifest["source"] = Path.GetRelativePath(Real(Directory), Path.GetFullPath(source.GetValue<string>(), Real(served)));
                File.WriteAllText(path, manifest.ToJsonString());
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Directory => Path.Combine(_root.FullName, "served");

    /// <summary>Removes what a sweep that was killed left in its run's directory.</summary>
    public static void Clear(string run)
    {
        var left = new DirectoryInfo(Path.Combine(run, Folder));
        if (left.Exists)
            LoadTestException.Wrap($"{left}: the copy that a sweep left, which was killed, cannot be removed", () => left.Delete(true));
    }

    public void Dispose()
    {
        try
        {
            if (_root.Exists) _root.Delete(recursive: true);
        }
        catch (IOException) { } // the next sweep of the run clears it
    }

    // A relative path counts from where a directory really is.
    private static string Real(string path) =>
        new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);

    // Read first: the copy may lie inside of what is copied.
    private void Copy(DirectoryInfo from, string to)
    {
        var (files, directories) = (from.GetFiles(), from.GetDirectories());
        System.IO.Directory.CreateDirectory(to);
        foreach (var file in files) file.CopyTo(Path.Combine(to, file.Name));
        foreach (var directory in directories.Where(d => d.FullName != _root.FullName)) Copy(directory, Path.Combine(to, directory.Name));
    }
}
