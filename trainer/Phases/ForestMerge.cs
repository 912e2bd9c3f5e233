using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Trainer.Phases;

/// <summary>Puts trained models into a forest: each is copied whole to <c>experts/NAME/</c>, then the manifest is replaced whole.</summary>
public static class ForestMerge
{
    /// <summary>Copies a model directory's model files, nothing else, into the forest.</summary>
    /// <exception cref="BtxException">The disk is full or the model is malformed; the forest is as it was.</exception>
    public static void CopyModel(string forest, string name, string model)
    {
        try
        {
            using var target = new AtomicDirectory(Path.Combine(forest, "experts", name));
            foreach (var file in (string[])[.. CheckpointFiles.Weights(model), Path.Combine(model, CheckpointFiles.IndexFile),
                Path.Combine(model, LlamaConfig.FileName)])
                AtomicFile.CopyIfThere(file, Path.Combine(target.Building, Path.GetFileName(file)));
            TokenizerFiles.Copy(model, target.Building);
            using (Checkpoint.Open(target.Building)) target.Commit();
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot copy {model} into the forest {forest}: {e.Message}; the forest is unchanged", e);
        }
    }

    /// <summary>The forest's manifest, or an empty one for a model of this architecture and tokenizer.</summary>
    /// <exception cref="BtxException">The forest holds another architecture or tokenizer.</exception>
    public static ForestManifest Open(string forest, string model)
    {
        var (architecture, tokenizer) = (LlamaConfig.Load(model).RequireDense(model).Fingerprint(), TextTokenizer.Load(model).Hash);
        if (!File.Exists(Path.Combine(forest, ForestManifest.FileName)))
            return new() { Architecture = architecture, Tokenizer = tokenizer };
        var manifest = ForestManifest.Load(forest);
        RequireSame(manifest, architecture, tokenizer, forest, model);
        return manifest;
    }

    /// <exception cref="BtxException">A model has another architecture or tokenizer than the forest.</exception>
    internal static void RequireSame(ForestManifest manifest, string architecture, string tokenizer, string forest, string model)
    {
        if (manifest.Architecture != architecture)
            throw new BtxException($"{model}: its architecture (config.json) differs from that of the forest {forest}, which holds one");
        if (manifest.Tokenizer != tokenizer)
            throw new BtxException($"{model}: its tokenizer differs from that of the forest {forest}, which holds one");
    }
}
