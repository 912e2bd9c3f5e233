using Btx.Model.Registry;

namespace Btx.Trainer.Phases;

/// <summary>Decides a round: which experts, from which parents with which weights, on which text. Writes only token shards.</summary>
internal sealed class RoundPlanner
{
    private readonly RoundRequest request;
    private readonly int round;
    private readonly OpenForest? forest;
    private readonly CorpusDirectory corpus;
    private readonly TextTokenizer tokenizer;
    private readonly string origin; // a model directory, with the architecture and the tokenizer of all
    private readonly LlamaConfig architecture;
    private readonly ExpertEntry[] candidates; // experts of earlier rounds that may be parents; none: the seed is the parent
    private readonly TextSource[] sources; // one for each new expert
    private readonly TrainingOptions options;

    /// <exception cref="BtxException">No seed and no forest, tokenizer or architecture that do not fit, missing domains.</exception>
    public RoundPlanner(RoundRequest request, int round)
    {
        (this.request, this.round) = (request, round);
        forest = OpenForest.Find(request.Forest);
        candidates = request.FromSeed || forest is null ? [] : [.. forest.Experts.Where(e => e.Round < round)];
        if (candidates.Length == 0 && request.Seed is null)
            throw new BtxException(forest is { Manifest.Experts.Count: > 0 }
                ? $"round {round} of {request.Forest} did not branch from the forest; to go on with it name its seed model with --seed "
                    + $"DIR, for the next round add --round {round + 1}"
                : $"{request.Forest} has no expert to branch from; name the seed model with --seed DIR");
        origin = Path.GetFullPath(candidates.Length > 0 ? forest!.ModelOf(candidates[0]) : request.Seed!);
        architecture = LlamaConfig.Load(origin).RequireDense(origin) with { TorchDtype = "float32" };
        tokenizer = TextTokenizer.Load(origin);
        forest?.RequireFit(origin);
        corpus = CorpusDirectory.Open(request.Corpus);
        var domains = corpus.Select(request.Domains, CorpusRole.Train).Select(d => d.Name).ToArray();
        sources = request.RandomSplit ? [.. TextSource.RandomParts(domains, domains.Length, seed: 1)] : [.. domains.Select(TextSource.Of)];
        var context = architecture.MaxPositionEmbeddings;
        options = request.Configure((candidates.Length > 0 ? PhaseDefaults.ExpertIn(request.Forest, round) : null)
            ?? PhaseDefaults.ExpertOf(origin, architecture.ParameterCount, context)).Validate(context);
        if (options.FreezeShared && request.RandomInit)
            throw new BtxException(
                "--freeze shared with --random-init: random embeddings and attention would never learn; leave one of the two out");
        if (request.Parallel < 1) throw new BtxException($"--parallel is {request.Parallel}; expected 1 or more");
    }

    /// <summary>What makes this round this round, by flag.</summary>
    public SortedDictionary<string, string> Flags()
    {
        var flags = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["--domains"] = string.Join(",", sources.SelectMany(s => s.Domains).Distinct()),
            ["--branch"] = request.Branch == BranchRule.TopK ? $"top_k with --k {request.K}" : request.Branch.ToString().ToLowerInvariant(),
            ["--random-split"] = request.RandomSplit ? "on" : "off",
            ["--random-init"] = request.RandomInit ? "on" : "off",
            ["--corpus"] = corpus.DirectoryPath,
            ["weights of the parents (--seed, --from or the forest)"] = candidates.Length > 0
                ? string.Join(",", candidates.Select(c => $"{c.Name}:{c.Sha256[..16]}")) : CheckpointFiles.Hash(request.Seed!)[..16],
        };
        foreach (var (flag, value) in options.Flags()) flags[flag] = value;
        return flags;
    }

    /// <summary>Tokenises the text and weighs the parents.</summary>
    public RoundPlan Make(Action<string> say, CancellationToken cancellation)
    {
        using var cache = new TokenShardCache(corpus, tokenizer, request.Shards);
        TrainingOptions[] settled = [.. sources.Select(source =>
            request.Settle(options, cache.Open(source, CorpusSplit.Train, cancellation).Require(options.Sequence).Count))];
        TokenShard[] validation = [.. sources.Select(source => cache.Open(source, CorpusSplit.Validation, cancellation))];
        var weights = request.RandomInit ? null : Weights(validation, say, cancellation);
        return new RoundPlan
        {
            Round = round,
            Options = Flags(),
            Experts = [.. sources.Select((source, i) => new TrainingJob
            {
                Phase = "expert",
                Name = NameOf(source),
                Corpus = corpus.DirectoryPath,
                Shards = request.Shards is null ? null : Path.GetFullPath(request.Shards),
                Tokenizer = origin,
                Sources = [source],
                Architecture = architecture,
                Parents = weights is null ? [] : Parents(weights[i]),
                // its own windows; for the control its own random weights, not the seed's
                Options = settled[i] with { RandomSeed = options.RandomSeed + (1000L * round) + i },
            })],
        };
    }

    private double[][] Weights(TokenShard[] validation, Action<string> say, CancellationToken cancellation)
    {
        if (candidates.Length == 0) return [.. sources.Select(_ => new[] { 1.0 })];
        if (request.Branch == BranchRule.Uniform) return [.. sources.Select(_ => DomainPosterior.Uniform(candidates.Length))];
        var posteriors = DomainPriors.Estimate([.. candidates.Select(forest!.ModelOf)],
            [.. validation.Select(s => new ValidationWindows(s, options.Sequence, CachedPrior.Sequences))],
            TorchDevice.Open(DeviceSpec.Parse(options.Device), options.Threads), request.Parallel, null, cancellation);
        double[][] weights = [.. posteriors.Select(p => BranchWeights.Of(request.Branch, p, request.K))];
        for (var i = 0; i < weights.Length; i++)
            say($"branch {NameOf(sources[i])}: " + string.Join(" + ", candidates.Zip(weights[i]).Where(p => p.Second >= 0.0005)
                .OrderByDescending(p => p.Second).Take(5).Select(p => $"{p.Second:F3} {p.First.Name}")));
        return weights;
    }

    private BranchParent[] Parents(double[] weights) => candidates.Length == 0
        ? [new BranchParent(ForestState.Seed, 1, Path.GetFullPath(request.Seed!), CheckpointFiles.Hash(request.Seed!))]
        : [.. candidates.Select((c, j) => new BranchParent(c.Name, weights[j], forest!.ModelOf(c), c.Sha256)).Where(p => p.Weight > 0)];

    // A name belongs to one round; a later expert of the same domain carries its round. The seed model's name is no expert's.
    private string NameOf(TextSource source)
    {
        var name = request.Name ?? source.Name;
        var taken = name == ForestState.Seed || forest?.Manifest.Experts.Any(e => e.Name == name && e.Round != round) == true;
        return taken ? $"{name}-r{round}" : name;
    }
}
