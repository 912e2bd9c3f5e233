using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Forests;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>Opens a served forest: reads and checks its manifest, its source, hashes, tokenizers, weights and graphs, and makes the sessions.</summary>
/// <param name="directory">Of the served forest.</param>
/// <param name="mixture">The BTX model to serve beside it; null: none.</param>
internal sealed class ForestLoader(EngineOptions options, string directory, MixtureLoader? mixture, int threads)
{
    private ServedForestManifest served = null!;
    private ForestManifest source = null!;
    private IReadOnlyList<ServedExpert> experts = [];

    /// <exception cref="BtxException">Whatever is missing, damaged or does not fit, as one clear line.</exception>
    public ForestSnapshot Load()
    {
        served = ServedForestManifest.Load(directory);
        if ((ProviderLibraries.Of(options.Device).Fault(options.Device) ?? DevicePrecision.Fault(options.Device, served.Precision)) is { } fault) throw new BtxException(fault);
        source = ForestManifest.Load(served.SourceDirectory(directory));
        if (source.Hash() != served.SourceSha256)
            throw new BtxException($"{served.SourceDirectory(directory)}: the forest has changed since it was exported to {directory}; export again");
        experts = [.. served.Experts.Where(e => source.Expert(e.Name).Status == ExpertStatus.Ready)];
        if (experts.Count == 0) throw new BtxException($"{directory}: no expert is ready; all are quarantined");
        var tokenizer = LoadTokenizer();
        if (options.VerifyHashes) VerifyHashes();

        var checkpoints = new List<Checkpoint>();
        var runners = new OnnxModelRunner?[experts.Count];
        ServedMixture? loaded = null;
        try
        {
            foreach (var expert in experts) checkpoints.Add(OpenCheckpoint(expert));
            var config = checkpoints[0].Config;
            if (tokenizer.VocabSize > config.VocabSize)
                throw new BtxException($"{directory}: the tokenizer has {tokenizer.VocabSize} tokens, the models only {config.VocabSize}");
            mixture?.RequireFit(directory, tokenizer, config);
            var context = SnapshotLoader.Context(options, config, mixture);
            var factory = new RunnerFactory(options, directory, served, config, context, threads, experts.Count);
            Parallel.For(0, experts.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, j => runners[j] = factory.Create(WeightSet.Map(OpenCheckpoint(experts[j]), factory.Dtype)));
            var averages = new AverageWeightsBuilder(checkpoints, factory);
            loaded = mixture?.Create(context);
            return new ForestSnapshot(
                Describe(config, context), tokenizer, tokenizer.EosId ?? config.EosTokenId, runners!, Priors(), averages.Build,
                () =>
                {
                    foreach (var checkpoint in checkpoints) checkpoint.Dispose();
                },
                loaded);
        }
        catch (Exception e)
        {
            loaded?.Runner.Dispose();
            foreach (var runner in runners) runner?.Dispose();
            foreach (var checkpoint in checkpoints) checkpoint.Dispose();
            if (e is AggregateException { InnerException: BtxException inner }) throw new BtxException(inner.Message, e);
            throw;
        }
    }

    private TextTokenizer LoadTokenizer()
    {
        var directories = experts.Select(e => Path.Combine(served.SourceDirectory(directory), source.Expert(e.Name).Path)).ToList();
        var tokenizer = TextTokenizer.Load(directories[0]);
        if (tokenizer.Hash != served.Tokenizer) throw new BtxException($"{directories[0]}: its tokenizer is not the one that the forest was exported with");
        var first = File.ReadAllBytes(Path.Combine(directories[0], "tokenizer.json"));
        foreach (var other in directories.Skip(1))
        {
            var path = Path.Combine(other, "tokenizer.json");
            if (!File.Exists(path)) throw new BtxException($"{path}: not found; every expert of a forest holds its tokenizer");
            if (!File.ReadAllBytes(path).AsSpan().SequenceEqual(first) && TextTokenizer.Load(other).Hash != tokenizer.Hash)
                throw new BtxException($"{path}: another tokenizer than {directories[0]}; the experts of a forest share one");
        }

        return tokenizer;
    }

    private Checkpoint OpenCheckpoint(ServedExpert expert)
    {
        var weights = served.WeightsDirectory(directory, expert);
        var checkpoint = Checkpoint.Open(weights);
        if (checkpoint.Config.Fingerprint() == served.Architecture) return checkpoint;
        checkpoint.Dispose();
        throw new BtxException($"{weights}: expert \"{expert.Name}\" has another architecture than the served forest; export again");
    }

    private void VerifyHashes()
    {
        var faults = new string?[experts.Count + served.Graphs.Count];
        Parallel.For(0, faults.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => faults[i] = i < experts.Count ? Fault(experts[i]) : FileHash.Fault(Path.Combine(directory, served.Graphs[i - experts.Count].File), "graph", served.Graphs[i - experts.Count].Sha256));
        if (faults.FirstOrDefault(f => f is not null) is { } fault) throw new BtxException(fault);
    }

    private string? Fault(ServedExpert expert)
    {
        try
        {
            var weights = served.WeightsDirectory(directory, expert);
            return CheckpointFiles.Hash(weights) == expert.Sha256 ? null : $"{weights}: the weights of expert \"{expert.Name}\" are not those that were exported (SHA-256 differs); export again";
        }
        catch (BtxException e)
        {
            return e.Message;
        }
    }

    private IReadOnlyDictionary<string, double[]> Priors() => source.Priors([.. experts.Select(e => e.Name)]);

    private ForestDescription Describe(LlamaConfig config, int context) => new()
    {
        Experts = [.. experts.Select(e => e.Name)],
        Domains = [.. experts.Select(e => e.Domain)],
        PriorDomains = [.. Priors().Keys],
        ContextLength = context,
        VocabSize = config.VocabSize,
        ForestSha256 = served.SourceSha256,
        Precision = served.Precision,
        Device = options.Device.ToString(),
        LoadedAt = options.Time.GetUtcNow(),
        Mixture = mixture?.Describe(),
    };
}
