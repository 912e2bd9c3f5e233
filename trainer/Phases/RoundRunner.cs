using Btx.Cli;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>
/// A round of Branch-Train-Merge: branch several experts from one state of the forest, train each in a process of its own, merge
/// those that finished, and estimate the cached prior of every domain anew. Stopped or failed halfway, the same request goes on.
/// </summary>
internal sealed class RoundRunner(RoundRequest request, ProgressDisplay display)
{
    private readonly string forest = Path.GetFullPath(request.Forest);

    /// <returns>The plan, whether it was finished before, and the experts that failed with the reason of each.</returns>
    /// <exception cref="BtxException">The request cannot be met; nothing was trained.</exception>
    public async Task<RoundResult> RunAsync(CancellationToken cancellation)
    {
        _ = new RoundPlanner(request with { Forest = forest }, request.Round ?? NextRound()); // refuses before anything is written
        using var held = RunLock.Acquire(Path.Combine(forest, RoundPlan.RunsDirectory), wait: false, cancellation);
        var round = request.Round ?? NextRound();
        if (round < 1) throw new BtxException($"--round is {round}; rounds count from 1");
        var directory = RoundPlan.DirectoryOf(forest, request.Name is null ? $"round-{round}" : $"expert-{request.Name}");
        if (request.Settings.Fresh && Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        var planner = new RoundPlanner(request with { Forest = forest }, round);
        var plan = RoundPlan.Load(directory);
        if (plan is not null)
        {
            RunRecord.RequireSame(plan.Options, planner.Flags(), directory);
            if (plan.Status == RoundPlan.Finished) return new(plan, directory, true, new Dictionary<string, string>());
        }
        else
        {
            plan = planner.Make(display.WriteLine, cancellation);
            plan.Save(directory);
        }

        var failures = await TrainAsync(plan, directory, cancellation).ConfigureAwait(false);
        Merge(plan, directory, [.. plan.Experts.Where(e => !failures.ContainsKey(e.Name))], cancellation);
        if (failures.Count == 0)
        {
            plan = plan with { Status = RoundPlan.Finished };
            plan.Save(directory);
        }

        return new(plan, directory, false, failures);
    }

    private async Task<SortedDictionary<string, string>> TrainAsync(RoundPlan plan, string directory, CancellationToken cancellation)
    {
        var failures = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using var free = new SemaphoreSlim(request.Parallel);
        await Task.WhenAll(plan.Experts.Select(async job =>
        {
            await free.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                var run = Path.Combine(directory, job.Name);
                if (RunRecord.Load(run) is { Status: RunRecord.Finished }) return;
                if (await TrainOneAsync(job, directory, cancellation).ConfigureAwait(false) is not { } reason) return;
                lock (failures) failures[job.Name] = reason;
            }
            finally
            {
                free.Release();
            }
        })).ConfigureAwait(false);
        return failures;
    }

    private async Task<string?> TrainOneAsync(TrainingJob job, string directory, CancellationToken cancellation)
    {
        ProgressItem? item = null;
        var failure = await ExpertProcess.RunAsync(
            directory,
            job.Name,
            request.Settings,
            p =>
            {
                item ??= display.Start(job.Name, p.TotalTokens, "tokens", p.Resumed);
                item.Report(p.Tokens, p.Note);
            },
            line => display.WriteLine(line.StartsWith(job.Name, StringComparison.Ordinal) ? line : $"{job.Name}: {line}"),
            cancellation).ConfigureAwait(false);
        var record = failure is null ? RunRecord.Load(Path.Combine(directory, job.Name)) : null;
        var summary = record is null ? $"{job.Name}: failed: {failure}" : RunSummary.Of(record);
        if (item is null) display.WriteLine(summary);
        else item.Finish(summary);
        return failure;
    }

    private void Merge(RoundPlan plan, string directory, IReadOnlyList<TrainingJob> trained, CancellationToken cancellation)
    {
        if (trained.Count == 0) return;
        var manifest = ForestMerge.Open(forest, Path.Combine(directory, trained[0].Name));
        var corpus = CorpusDirectory.Open(request.Corpus);
        var cache = new TokenShardCache(corpus, TextTokenizer.Load(trained[0].Tokenizer), request.Shards);
        foreach (var job in trained)
        {
            var run = Path.Combine(directory, job.Name);
            var record = RunRecord.Load(run)!;
            var hash = CheckpointFiles.Hash(run);
            var known = manifest.Experts.FirstOrDefault(e => e.Name == job.Name);
            if (known?.Sha256 != hash || !Directory.Exists(Path.Combine(forest, known.Path))) ForestMerge.CopyModel(forest, job.Name, run);
            manifest = manifest.With(new ExpertEntry
            {
                Name = job.Name,
                Domain = job.Sources[0].Name,
                Path = $"experts/{job.Name}",
                Sha256 = hash,
                Parents = [.. job.Parents.Select(p => new ParentEntry(p.Name, p.Weight, p.Sha256))],
                Round = plan.Round,
                CorpusSha256 = cache.Key(job.Sources[0], CorpusSplit.Train),
                Tokens = record.Tokens,
                Steps = record.Steps,
            });
        }

        manifest.Save(forest); // the experts are in, whatever becomes of the priors
        WithPriors(manifest, corpus, cache, trained[0].Options, cancellation).Save(forest);
    }

    private ForestManifest WithPriors(ForestManifest manifest, CorpusDirectory corpus, TokenShardCache cache, TrainingOptions options,
        CancellationToken cancellation)
    {
        ExpertEntry[] ready = manifest.Present(forest, _ => { });
        var jobs = RoundPlan.All(forest).SelectMany(p => p.Experts).GroupBy(j => j.Name).ToDictionary(g => g.Key, g => g.Last().Sources[0]);
        var domains = new List<(string Expert, TokenShard Shard)>();
        try
        {
            foreach (var expert in ready)
            {
                var source = jobs.GetValueOrDefault(expert.Name) ?? TextSource.Of(expert.Domain);
                if (source.Domains.All(d => corpus.Domains.Any(c => c.Name == d)))
                    domains.Add((expert.Name, cache.Open(source, CorpusSplit.Validation, cancellation)));
            }

            var item = display.Start("cached priors", ready.Length, "experts");
            var device = TorchDevice.Open(DeviceSpec.Parse(options.Device), options.Threads);
            var priors = DomainPriors.Estimate(
                [.. ready.Select(e => ContainedPath.Resolve(forest, e.Path, ForestManifest.FileName))],
                [.. domains.Select(d => new ValidationWindows(d.Shard, options.Sequence, CachedPrior.Sequences))],
                device, Math.Max(request.Parallel, 1), done => item.Report(done), cancellation);
            for (var i = 0; i < domains.Count; i++)
            {
                var prior = ready.Select((e, j) => (e.Name, Weight: priors[i][j])).ToDictionary(p => p.Name, p => p.Weight);
                manifest = manifest with
                {
                    Experts = [.. manifest.Experts.Select(e => e.Name == domains[i].Expert ? e with { Prior = prior } : e)]
                };
            }

            item.Finish($"cached priors of {domains.Count} domains over {ready.Length} experts");
            return manifest;
        }
        finally
        {
            foreach (var (_, shard) in domains) shard.Dispose();
        }
    }

    // The unfinished round; the last one when it has the domains asked for; else the one after it.
    private int NextRound()
    {
        var plans = RoundPlan.All(forest);
        if (request.Name is not null)
        {
            if (RoundPlan.Load(RoundPlan.DirectoryOf(forest, $"expert-{request.Name}")) is { } own) return own.Round;
            if (request.FromSeed || !File.Exists(Path.Combine(forest, ForestManifest.FileName))) return 1;
            return 1 + ForestManifest.Load(forest).Experts.Select(e => e.Round).DefaultIfEmpty(0).Max();
        }

        if (plans.Count == 0) return 1;
        var last = plans.MaxBy(p => p.Round)!;
        if (last.Status != RoundPlan.Finished || request.Settings.Fresh) return last.Round;
        var trained = last.Experts.SelectMany(e => e.Sources).SelectMany(s => s.Domains).ToHashSet(StringComparer.Ordinal);
        return request.Domains.Count == 0 || request.Domains.Any(trained.Contains) ? last.Round : last.Round + 1;
    }
}
