namespace Btx.Engine.Forests;

/// <summary>Opens models that must fit a served forest: same architecture, tokenizer and precision.</summary>
internal sealed class ModelOpener(EngineOptions options, string directory, ServedForestManifest served, LlamaConfig config,
    TextTokenizer tokenizer, IReadOnlyList<GraphFile> graphs, int context, int threads, int experts) : IModelOpener
{
    private readonly PrivateWeights weights = new(options);
    private readonly SessionSettings settings = new(options.Device,
        options.IntraOpThreads > 0 ? options.IntraOpThreads : Math.Max(1, threads / experts), options.Spinning, served.Precision);

    /// <summary>Inside one session, the caller's included.</summary>
    public int SessionThreads => settings.IntraOpThreads;

    private readonly TensorDtype dtype = served.Precision == "fp16" ? TensorDtype.F16 : TensorDtype.F32;
    private readonly int? bits = BlockLayout.BitsOf(served.Precision);

    /// <summary>Makes the sessions of weights that were checked already.</summary>
    /// <param name="checkpoint">Taken over, also if this throws.</param>
    public ServedModel Open(string name, Checkpoint checkpoint, bool prepack) =>
        new(name, Create(bits is null ? WeightSet.Map(checkpoint, dtype) : Write(checkpoint.Reader, checkpoint), prepack), checkpoint);

    /// <inheritdoc cref="WeightSet.Write"/>
    public WeightSet Write(Func<string, TensorReader> read, Checkpoint? mapped = null) =>
        WeightSet.Write(config, dtype, bits, read, mapped);

    /// <param name="set">Taken over, also if this throws.</param>
    /// <param name="prepack">False: starts at once, without threads; <see cref="OnnxModelRunner.Stage"/> makes it fast later. Products of
    /// blocks round otherwise when they are not prepacked, so those always are.</param>
    public OnnxModelRunner Create(WeightSet set, bool prepack = true) => new(config, graphs, set,
        settings with { Prepack = prepack || bits is not null }, dtype == TensorDtype.F16, options.Slots, context, options.MaxBatchTokens);

    public Checkpoint OpenWeights(string name, string directory, CancellationToken cancellation, string? mustBe = null)
    {
        var checkpoint = weights.Open(directory, cancellation, mustBe);
        if (checkpoint.Config.Fingerprint() == served.Architecture) return checkpoint;
        checkpoint.Dispose();
        throw new BtxException($"{directory}: expert \"{name}\" has another architecture than the served forest; only experts of one "
            + "architecture answer together");
    }

    public ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default)
    {
        var checkpoint = expert.Weights ?? OpenWeights(expert.Name, expert.Directory, cancellation);
        try
        {
            if (TextTokenizer.Load(expert.Directory).Hash != tokenizer.Hash)
                throw new BtxException(
                    $"{expert.Directory}: another tokenizer than the served forest's; the experts of a forest share one");
            checkpoint.CheckFinite(cancellation);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }

        var model = Open(expert.Name, checkpoint, prepack: options.Device.IsCuda);
        try
        {
            Smoke(model, expert);
            return model;
        }
        catch
        {
            model.Release();
            throw;
        }
    }

    public ServedMoe OpenMoe(string moeDirectory)
    {
        using var loader = BuildThread.Run(() => MoeLoader.Open(options, moeDirectory, threads, hashThreads: 1));
        loader.RequireFit(directory, tokenizer, config.VocabSize);
        if (loader.Config.MaxPositionEmbeddings < context)
            throw new BtxException($"{moeDirectory}: the BTX model was built for at most {loader.Config.MaxPositionEmbeddings} "
                + $"tokens; the server's context is {context}");
        return loader.Create(context);
    }

    // One token before any request: a graph that fails or gives no number shows here.
    private static void Smoke(ServedModel model, ExpertSource expert)
    {
        model.Runner.Run([new RunRow(0, 0, 1, 1)], [0]);
        foreach (var logit in model.Runner.Logits(0, 0))
            if (!float.IsFinite(logit))
                throw new BtxException($"{expert.Directory}: expert \"{expert.Name}\" gives logits that are "
                    + "not finite; its weights are damaged");
    }
}

/// <summary>Opens models beside the running forest. Tests of changes have a fake.</summary>
internal interface IModelOpener
{
    /// <summary>Checks an expert's files and opens it for a quick start, without prepacking. The caller holds the model.</summary>
    ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default);

    /// <summary>Opens the weights of an expert by private copies of them.</summary>
    /// <param name="mustBe">Where the directory must really lie; null: wherever its path leads.</param>
    Checkpoint OpenWeights(string name, string directory, CancellationToken cancellation, string? mustBe = null);

    /// <summary>Checks and opens a served BTX model. The caller holds the model.</summary>
    ServedMoe OpenMoe(string directory);
}
