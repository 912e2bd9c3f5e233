using Btx.Model.Configuration;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>Opens models that must fit a served forest: same architecture, tokenizer and precision.</summary>
internal sealed class ModelOpener(EngineOptions options, string directory, ServedForestManifest served, LlamaConfig config,
    TextTokenizer tokenizer, RunnerFactory factory, PrivateWeights weights, int context, int threads) : IModelOpener
{
    /// <summary>Makes the sessions of weights that were checked already.</summary>
    /// <param name="checkpoint">Taken over, also if this throws.</param>
    public ServedModel Open(string name, Checkpoint checkpoint, bool prepack) =>
        new(name, factory.Create(WeightSet.Map(checkpoint, factory.Dtype), prepack), checkpoint);

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
