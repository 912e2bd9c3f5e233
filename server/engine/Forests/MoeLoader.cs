namespace Btx.Engine.Forests;

/// <summary>Opens a served BTX model: reads and checks its manifest, config, tokenizer and hashes, then makes the sessions.</summary>
internal sealed class MoeLoader(EngineOptions options, string directory, int threads, ServedMoeManifest served, LlamaConfig config,
    TextTokenizer tokenizer) : IDisposable
{
    private IReadOnlyList<GraphFile> graphs = [];
    private SafetensorsFile?[] weights = []; // null: not opened

    public LlamaConfig Config => config;

    public TextTokenizer Tokenizer => tokenizer;

    /// <summary>Reads and checks everything but the graphs themselves.</summary>
    /// <param name="hashThreads">Threads that hash; null: as many.</param>
    public static MoeLoader Open(EngineOptions options, string directory, int threads, int? hashThreads = null)
    {
        var served = ServedMoeManifest.Load(directory);
        if ((ProviderLibraries.Of(options.Device).Problem(options.Device)
            ?? DevicePrecision.Problem(options, served.Precision, "BTX model")) is { } problem)
            throw new BtxException(problem);
        var config = LlamaConfig.Load(directory);
        if (config.Moe is null || config.Moe.Experts != served.Experts.Count || config.Fingerprint() != served.Architecture)
            throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: is not of the BTX model "
                + "that was exported there; export again");
        if (served.Router.SoftLayers.Any(l => l >= config.NumHiddenLayers))
            throw new BtxException($"{Path.Combine(directory, ServedMoeManifest.FileName)}: router: a soft layer is beyond the "
                + $"{config.NumHiddenLayers} layers; export again");
        var tokenizer = TextTokenizer.Load(directory);
        if (tokenizer.Hash != served.Tokenizer)
            throw new BtxException($"{directory}: its tokenizer is not the one that the BTX model was exported with; export again");
        config.RequireTokens(tokenizer.VocabSize, directory);
        var loader = new MoeLoader(options, directory, threads, served, config, tokenizer);
        try
        {
            loader.OpenWeights(hashThreads ?? threads);
            return loader;
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Requests move between the two, so text must mean the same tokens to both.</summary>
    public void RequireFit(string forest, TextTokenizer theirs, int vocabSize)
    {
        if (theirs.Hash != tokenizer.Hash)
            throw new BtxException($"{directory}: the BTX model has another tokenizer than the forest {forest}; serve them apart");
        if (vocabSize != config.VocabSize)
            throw new BtxException($"{directory}: the BTX model has {config.VocabSize} logits, the forest {forest} {vocabSize}; "
                + "serve them apart");
    }

    public MoeDescription Describe() => new()
    {
        Experts = [.. served.Experts.Select(e => e.Name)],
        Domains = [.. served.Experts.Select(e => e.Domain)],
        ExpertsPerToken = served.Router.ExpertsPerToken,
        Choices = served.Graphs.Any(g => g.ExpertsPerToken is null)
            ? [.. Enumerable.Range(1, served.Experts.Count)]
            : [.. served.Graphs.Where(g => g.Form == ServedGraph.Ragged).Select(g => g.ExpertsPerToken!.Value).Distinct().Order()],
        Layers = config.NumHiddenLayers,
        Router = served.Router.Kind,
        SoftLayers = served.Router.SoftLayers,
        Precision = served.Precision,
        Sha256 = served.SourceSha256,
    };

    /// <summary>Makes the sessions; once.</summary>
    public ServedMoe Create(int context)
    {
        var files = weights.Select(f => f!).ToList();
        weights = [];
        var settings = new SessionSettings(options.Device, options.IntraOpThreads > 0 ? options.IntraOpThreads : threads,
            options.Spinning, served.Precision);
        var runner = new OnnxModelRunner(Config, graphs, WeightSet.Map(files), settings, served.Precision == "fp16", options.Slots, context,
            options.MaxBatchTokens);
        return new ServedMoe(Describe(), new ServedModel("the BTX model", runner, null, [.. files.Select(f => f.Copy!)]),
            Config.EosTokenIds);
    }

    /// <summary>Lets go of the weights, if no sessions were made of them.</summary>
    public void Dispose()
    {
        foreach (var file in weights) file?.Dispose();
        weights = [];
    }

    private void OpenWeights(int hashThreads)
    {
        var opener = new PrivateWeights(options);
        graphs = GraphFile.Read(directory, served.Graphs, Config, served.Precision, options.VerifyHashes);
        weights = new SafetensorsFile?[served.Weights.Count];
        BuildThread.ForEach(weights.Length, hashThreads, i =>
        {
            var file = weights[i] = opener.OpenFile(served.WeightsFile(directory, served.Weights[i]));
            if (options.VerifyHashes && CheckpointFiles.HashCopies([file.Copy!], CancellationToken.None) != served.Weights[i].Sha256)
                throw new BtxException($"{file.Path}: the weight file is not the one that was exported (SHA-256 differs); export again");
        });
    }
}
