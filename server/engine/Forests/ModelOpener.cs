using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>Opens models that must fit a served forest: same architecture, tokenizer and precision.</summary>
/// <param name="directory">Of the served forest.</param>
internal sealed class ModelOpener(EngineOptions options, string directory, ServedForestManifest served, LlamaConfig config, TextTokenizer tokenizer, RunnerFactory factory, int context, int threads) : IModelOpener
{
    /// <summary>Opens weights that were checked already.</summary>
    /// <param name="weights">The weights' directory.</param>
    /// <exception cref="BtxException">The weights are damaged, of another architecture or precision, or ONNX Runtime refuses them.</exception>
    public ServedModel Open(string name, string weights, bool prepack)
    {
        var checkpoint = OpenCheckpoint(name, weights);
        return new ServedModel(name, factory.Create(WeightSet.Map(checkpoint, factory.Dtype), prepack), checkpoint);
    }

    public ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default)
    {
        if (TextTokenizer.Load(expert.Directory).Hash != tokenizer.Hash) throw new BtxException($"{expert.Directory}: another tokenizer than the served forest's; the experts of a forest share one");
        if (expert.Sha256 is { } sha256 && CheckpointFiles.HashFiles(CheckpointFiles.Weights(expert.Directory), cancellation) != sha256)
            throw new BtxException($"{expert.Directory}: the weights of expert \"{expert.Name}\" are not those that were named (SHA-256 differs)");
        using (var checkpoint = OpenCheckpoint(expert.Name, expert.Directory)) checkpoint.CheckFinite();
        var model = Open(expert.Name, expert.Directory, prepack: options.Device.IsCuda);
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

    public ServedMixture OpenMixture(string mixtureDirectory)
    {
        var loader = BuildThread.Run(() => MixtureLoader.Open(options, mixtureDirectory, threads, hashThreads: 1));
        loader.RequireFit(directory, tokenizer, config);
        if (loader.Config.MaxPositionEmbeddings < context) throw new BtxException($"{mixtureDirectory}: the BTX model was built for at most {loader.Config.MaxPositionEmbeddings} tokens; the server's context is {context}");
        return loader.Create(context);
    }

    private Checkpoint OpenCheckpoint(string name, string weights)
    {
        var checkpoint = Checkpoint.Open(weights);
        if (checkpoint.Config.Fingerprint() == served.Architecture) return checkpoint;
        checkpoint.Dispose();
        throw new BtxException($"{weights}: expert \"{name}\" has another architecture than the served forest; export again");
    }

    // One token before any request: a graph that fails or gives no number shows here.
    private static void Smoke(ServedModel model, ExpertSource expert)
    {
        model.Runner.Run([new RunRow(0, 0, 1, 1)], [0]);
        foreach (var logit in model.Runner.Logits(0, 0))
        {
            if (!float.IsFinite(logit)) throw new BtxException($"{expert.Directory}: expert \"{expert.Name}\" gives logits that are not finite; its weights are damaged");
        }
    }
}
