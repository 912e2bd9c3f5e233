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

        var config = LlamaConfig.Load(served.WeightsDirectory(directory, experts[0]));
        if (tokenizer.VocabSize > config.VocabSize)
            throw new BtxException($"{directory}: the tokenizer has {tokenizer.VocabSize} tokens, the models only {config.VocabSize}");
        mixture?.RequireFit(directory, tokenizer, config);
        var context = SnapshotLoader.Context(options, config, mixture);
        var factory = new RunnerFactory(options, directory, served, config, context, threads, experts.Count);
        var opener = new ModelOpener(options, directory, served, config, tokenizer, factory, context, threads);
        var ground = new ServingGround(
            tokenizer, tokenizer.EosId ?? config.EosTokenId, context, config.VocabSize, served.SourceSha256, served.Precision, options.Device.ToString(), options.Time, new AverageWeightsBuilder(factory).Build, opener, factory.SessionThreads == 1);
        var models = new ServedModel?[experts.Count];
        ServedMixture? loaded = null;
        try
        {
            Parallel.For(0, experts.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, j => models[j] = opener.Open(experts[j].Name, served.WeightsDirectory(directory, experts[j]), prepack: true));
            loaded = mixture?.Create(context);
            return new ForestSnapshot(ground, [.. experts.Select((e, j) => new SnapshotExpert(e.Name, e.Domain, models[j]!))], Priors(), new Dictionary<string, IReadOnlyDictionary<string, double>>(), loaded);
        }
        catch (AggregateException e) when (e.InnerException is BtxException inner)
        {
            throw new BtxException(inner.Message, e);
        }
        finally
        {
            loaded?.Model.Release(); // the snapshot holds them now, or nobody does
            foreach (var model in models) model?.Release();
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

    // Those of quarantined experts too: their domains still have text.
    private List<RecordedPrior> Priors() => [.. source.Experts.Where(e => e.Prior is not null).Select(e => new RecordedPrior(e.Domain, e.Name, e.Prior!))];
}
