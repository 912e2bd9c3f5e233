using System.Text.Json;
using System.Text.Json.Serialization;
using Btx.Trainer.Runs;

namespace Btx.Trainer.Phases;

/// <summary>A round of Branch-Train-Merge: branch several experts from one state of the forest, train each in a process of its own, merge
/// those that finished, and estimate the cached prior of every domain again. Stopped or failed halfway, the same request goes on.</summary>
internal sealed class RoundRunner(RoundRequest request, ProgressDisplay display)
{
    /// <summary>How a worker writes <see cref="TrainingProgress"/>, one line each.</summary>
    public static JsonSerializerOptions ProgressJson { get; } =
        new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

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
            if (plan.Status == RunRecord.Finished) return new(plan, directory, true, new Dictionary<string, string>());
        }
        else
        {
            plan = planner.Make(display.WriteLine, cancellation);
            plan.Save(directory);
        }

        var failures = await TrainAsync(plan, directory, cancellation).ConfigureAwait(false);
        Merge(plan, directory, [.. plan.Experts.Where(e => !failures.ContainsKey(e.Name))], cancellation);
        if (failures.Count == 0) (plan = plan with { Status = RunRecord.Finished }).Save(directory);
        return new(plan, directory, false, failures);
    }

    // A worker's record, not a mark, says that its expert is trained: the process may have outlived this one.
    private async Task<SortedDictionary<string, string>> TrainAsync(RoundPlan plan, string directory, CancellationToken cancellation)
    {
        var (lane, how) = (new Lane("experts", request.Parallel), request.Settings);
        var stages = plan.Experts.Where(job => RunRecord.Load(Path.Combine(directory, job.Name)) is not { Status: RunRecord.Finished })
            .Select(job => new Stage(job.Name, ["btx", "train", "worker", "--plan", directory, "--expert", job.Name,
                "--checkpoint-steps", $"{how.CheckpointSteps}", "--checkpoint-seconds", $"{how.CheckpointSeconds}",
                "--validate-steps", $"{how.ValidateSteps}", "--validation-windows", $"{how.ValidationWindows}"], lane));
        var items = new Dictionary<string, ProgressItem>(StringComparer.Ordinal);
        void Said(Stage stage, string line, bool isError)
        {
            if (isError) return;
            if (!line.StartsWith('{'))
            {
                display.WriteLine(line.StartsWith(stage.Name, StringComparison.Ordinal) ? line : $"{stage.Name}: {line}");
                return;
            }

            var progress = JsonSerializer.Deserialize<TrainingProgress>(line, ProgressJson);
            lock (items)
            {
                if (!items.TryGetValue(stage.Name, out var item))
                    items[stage.Name] = item = display.Start(stage.Name, progress.TotalTokens, "tokens", progress.Resumed);
                item.Report(progress.Tokens, progress.Note);
            }
        }

        void Ended(Stage stage, StageResult result)
        {
            var record = result.Failure is null ? RunRecord.Load(Path.Combine(directory, stage.Name)) : null;
            var summary = record?.Summary ?? $"{stage.Name}: failed: {result.Failure}";
            lock (items)
            {
                if (items.TryGetValue(stage.Name, out var item)) item.Finish(summary);
                else display.WriteLine(summary);
            }
        }

        var run = new GraphRun(new RunGraph(stages), new LocalStageRunner()) { Said = Said, Ended = Ended };
        var results = await run.RunAsync(keepGoing: true, cancellation).ConfigureAwait(false);
        return new(results.Where(r => r.Value.Failure is not null).ToDictionary(r => r.Key, r => r.Value.Failure!), StringComparer.Ordinal);
    }

    private void Merge(RoundPlan plan, string directory, IReadOnlyList<TrainingJob> trained, CancellationToken cancellation)
    {
        if (trained.Count == 0) return;
        var manifest = ForestMerge.Open(forest, Path.Combine(directory, trained[0].Name));
        var corpus = CorpusDirectory.Open(request.Corpus);
        using var cache = new TokenShardCache(corpus, TextTokenizer.Load(trained[0].Tokenizer), request.Shards);
        foreach (var job in trained)
        {
            var run = Path.Combine(directory, job.Name);
            var (record, hash) = (RunRecord.Load(run)!, CheckpointFiles.Hash(run));
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
        var ready = new OpenForest(forest, manifest, manifest.Present(forest, _ => { }));
        var texts = RoundPlan.Texts(forest);
        var shards = new Dictionary<string, TokenShard>(StringComparer.Ordinal); // by expert, where the corpus has its text
        foreach (var expert in ready.Experts)
        {
            var source = texts.GetValueOrDefault(expert.Name) ?? TextSource.Of(expert.Domain);
            if (source.Domains.All(d => corpus.Domains.Any(c => c.Name == d)))
                shards[expert.Name] = cache.Open(source, CorpusSplit.Validation, cancellation);
        }

        var item = display.Start("cached priors", ready.Experts.Length, "experts");
        var priors = DomainPriors.Estimate(ready.Models,
            [.. shards.Values.Select(s => new ValidationWindows(s, options.Sequence, CachedPrior.Sequences))],
            TorchDevice.Open(DeviceSpec.Parse(options.Device), options.Threads), request.Parallel, done => item.Report(done), cancellation);
        var byExpert = shards.Keys.Zip(priors).ToDictionary(p => p.First,
            p => ready.Names.Zip(p.Second).ToDictionary(w => w.First, w => w.Second));
        item.Finish($"cached priors of {shards.Count} domains over {ready.Experts.Length} experts");
        return manifest with
        {
            Experts = [.. manifest.Experts.Select(e => byExpert.TryGetValue(e.Name, out var prior) ? e with { Prior = prior } : e)]
        };
    }

    // The unfinished round; the last one when it has the domains asked for; else the one after it.
    private int NextRound()
    {
        if (request.Name is not null)
        {
            if (RoundPlan.Load(RoundPlan.DirectoryOf(forest, $"expert-{request.Name}")) is { } own) return own.Round;
            if (request.FromSeed || !File.Exists(Path.Combine(forest, ForestManifest.FileName))) return 1;
            return 1 + ForestManifest.Load(forest).Experts.Select(e => e.Round).DefaultIfEmpty(0).Max();
        }

        if (RoundPlan.All(forest).MaxBy(p => p.Round) is not { } last) return 1;
        if (last.Status != RunRecord.Finished || request.Settings.Fresh) return last.Round;
        var trained = last.Experts.SelectMany(e => e.Sources).SelectMany(s => s.Domains).ToHashSet(StringComparer.Ordinal);
        return request.Domains.Count == 0 || request.Domains.Any(trained.Contains) ? last.Round : last.Round + 1;
    }
}
