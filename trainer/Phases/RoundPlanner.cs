using System.Globalization;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>Decides a round: which experts, from which parents with which weights, on which text.
/// Touches nothing but the shard cache.</summary>
internal sealed class RoundPlanner
{
    private readonly RoundRequest request;
    private readonly ForestManifest? forest;
    private readonly CorpusDirectory corpus;
    private readonly TextTokenizer tokenizer;
    private readonly string tokenizerDirectory;

    /// <exception cref="BtxException">No seed and no forest, tokenizer or architecture that do not fit, missing domains.</exception>
    public RoundPlanner(RoundRequest request, int round)
    {
        this.request = request;
        Round = round;
        forest = File.Exists(Path.Combine(request.Forest, ForestManifest.FileName)) ? ForestManifest.Load(request.Forest) : null;
        Candidates = request.FromSeed || forest is null ? []
            : [.. forest.Present(request.Forest, Console.Error.WriteLine).Where(e => e.Round < round)];
        if (Candidates.Count == 0 && request.Seed is null)
            throw new BtxException(forest is { Experts.Count: > 0 }
                ? $"round {round} of {request.Forest} did not branch from the forest; to go on with it name its seed model with --seed "
                    + $"DIR, for the next round add --round {round + 1}"
                : $"{request.Forest} has no expert to branch from; name the seed model with --seed DIR");
        tokenizerDirectory = Path.GetFullPath(Candidates.Count > 0 ? ModelOf(Candidates[0]) : request.Seed!);
        Architecture = LlamaConfig.Load(tokenizerDirectory).RequireDense(tokenizerDirectory) with { TorchDtype = "float32" };
        tokenizer = TextTokenizer.Load(tokenizerDirectory);
        if (forest is not null && forest.Architecture != Architecture.Fingerprint())
            throw new BtxException($"{tokenizerDirectory}: its architecture (config.json) differs from that of the forest "
                + $"{request.Forest}; a forest holds one architecture");
        if (forest is not null && forest.Tokenizer != tokenizer.Hash)
            throw new BtxException($"{tokenizerDirectory}: its tokenizer differs from that of the forest "
                + $"{request.Forest}; a forest holds one tokenizer");
        corpus = CorpusDirectory.Open(request.Corpus);
        Sources = TextSources();
        var defaults = Candidates.Count > 0 ? PhaseDefaults.ExpertIn(request.Forest, round) : null;
        Options = request.Configure(defaults
            ?? PhaseDefaults.ExpertOf(tokenizerDirectory, Architecture.ParameterCount, Architecture.MaxPositionEmbeddings))
            .Validate(Architecture.MaxPositionEmbeddings);
        if (Options.FreezeShared && request.RandomInit)
            throw new BtxException(
                "--freeze shared with --random-init: random embeddings and attention would never learn; leave one of the two out");
        if (request.Parallel < 1) throw new BtxException($"--parallel is {request.Parallel}; expected 1 or more");
    }

    public int Round { get; }

    /// <summary>Experts of earlier rounds that may be parents; empty: the seed is the parent.</summary>
    public IReadOnlyList<ExpertEntry> Candidates { get; }

    public LlamaConfig Architecture { get; }

    /// <summary>One for each new expert.</summary>
    public IReadOnlyList<TextSource> Sources { get; }

    public TrainingOptions Options { get; }

    /// <summary>What makes this round this round, by flag.</summary>
    public SortedDictionary<string, string> Flags()
    {
        var flags = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["--domains"] = string.Join(",", Sources.SelectMany(s => s.Domains).Distinct()),
            ["--branch"] = request.Branch switch
            {
                BranchRule.TopK => $"top_k with --k {request.K}",
                var b => b.ToString()
                .ToLowerInvariant()
            },
            ["--random-split"] = request.RandomSplit ? "on" : "off",
            ["--random-init"] = request.RandomInit ? "on" : "off",
            ["--corpus"] = corpus.DirectoryPath,
            ["weights of the parents (--seed, --from or the forest)"] =
                Candidates.Count > 0 ? string.Join(",", Candidates.Select(c => $"{c.Name}:{c.Sha256[..16]}"))
                : CheckpointFiles.Hash(request.Seed!)[..16],
        };
        foreach (var (flag, value) in Options.Flags()) flags[flag] = value;
        return flags;
    }

    /// <summary>Tokenises the text and weighs the parents.</summary>
    public RoundPlan Make(Action<string>? say, CancellationToken cancellation)
    {
        var cache = new TokenShardCache(corpus, tokenizer, request.Shards);
        var options = new List<TrainingOptions>();
        foreach (var source in Sources)
        {
            using var training = cache.Open(source, CorpusSplit.Train, cancellation).Require(Options.Sequence);
            options.Add(request.Settle(Options, training.Count));
            using var validation = cache.Open(source, CorpusSplit.Validation, cancellation);
        }

        var weights = request.RandomInit ? [.. Sources.Select(_ => Array.Empty<double>())] : Weights(cache, say, cancellation);
        var names = Sources.Select(NameOf).ToList();
        return new RoundPlan
        {
            Round = Round,
            Options = Flags(),
            Experts = [.. Sources.Select((source, i) => new TrainingJob
            {
                Phase = "expert",
                Name = names[i],
                Corpus = corpus.DirectoryPath,
                Shards = request.Shards is null ? null : Path.GetFullPath(request.Shards),
                Tokenizer = tokenizerDirectory,
                Sources = [source],
                Architecture = Architecture,
                Parents = request.RandomInit ? [] : Parents(weights[i]),
                // its own windows; for the control its own random weights, not the seed's
                Options = options[i] with { RandomSeed = Options.RandomSeed + (1000L * Round) + i },
            })],
        };
    }

    private double[][] Weights(TokenShardCache cache, Action<string>? say, CancellationToken cancellation)
    {
        if (Candidates.Count == 0) return [.. Sources.Select(_ => new[] { 1.0 })];
        if (request.Branch == BranchRule.Uniform) return [.. Sources.Select(_ => DomainPosterior.Uniform(Candidates.Count))];
        var shards = Sources.Select(s => cache.Open(s, CorpusSplit.Validation, cancellation)).ToList();
        try
        {
            var device = TorchDevice.Open(DeviceSpec.Parse(Options.Device), Options.Threads);
            var posteriors = DomainPriors.Estimate(
                [.. Candidates.Select(ModelOf)], [.. shards.Select(s => new ValidationWindows(s, Options.Sequence, CachedPrior.Sequences))],
                    device, request.Parallel, null, cancellation);
            var weights = posteriors.Select(p => BranchWeights.Of(request.Branch, p, request.K)).ToArray();
            for (var i = 0; i < weights.Length; i++) say?.Invoke($"branch {NameOf(Sources[i])}: {Describe(weights[i])}");
            return weights;
        }
        finally
        {
            foreach (var shard in shards) shard.Dispose();
        }
    }

    private BranchParent[] Parents(double[] weights)
    {
        if (Candidates.Count == 0)
            return [new BranchParent(ForestState.Seed, 1, Path.GetFullPath(request.Seed!), CheckpointFiles.Hash(request.Seed!))];
        return [.. Candidates.Select((c, j) => new BranchParent(c.Name, weights[j], ModelOf(c), c.Sha256)).Where(p => p.Weight > 0)];
    }

    private string Describe(double[] weights) =>
        string.Join(" + ", weights.Select((w, j) => (w, Candidates[j].Name)).Where(p => p.w >= 0.0005).OrderByDescending(p => p.w).Take(5)
        .Select(p => p.w.ToString("F3", CultureInfo.InvariantCulture) + " " + p.Name));

    private TextSource[] TextSources()
    {
        var domains = corpus.Select(request.Domains, CorpusRole.Train).Select(d => d.Name).ToArray();
        return request.RandomSplit ? [.. TextSource.RandomParts(domains, domains.Length, seed: 1)] : [.. domains.Select(TextSource.Of)];
    }

    // A name belongs to one round; a later expert of the same domain carries its round. The seed model's name is no expert's.
    private string NameOf(TextSource source)
    {
        var name = request.Name ?? source.Name;
        var taken = name == ForestState.Seed || forest?.Experts.Any(e => e.Name == name && e.Round != Round) == true;
        return taken ? $"{name}-r{Round}" : name;
    }

    private string ModelOf(ExpertEntry expert) =>
        Btx.Model.Files.ContainedPath.Resolve(request.Forest, expert.Path, Path.Combine(request.Forest, ForestManifest.FileName));
}
