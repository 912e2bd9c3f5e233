using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Trainer.Phases;

/// <summary>Puts trained models into a forest: each is copied whole to <c>experts/NAME/</c>, then the manifest is replaced whole.</summary>
public static class ForestMerge
{
    /// <summary>Copies a model directory's model files, nothing else, into the forest.</summary>
    /// <returns>The path relative to the forest.</returns>
    /// <exception cref="BtxException">The disk is full or the model is malformed; the forest is as it was.</exception>
    public static string CopyModel(string forest, string name, string model)
    {
        var relative = $"experts/{name}";
        try
        {
            using var target = new AtomicDirectory(Path.Combine(forest, "experts", name));
            foreach (var weights in CheckpointFiles.Weights(model)) Copy(weights, target.Building);
            var index = Path.Combine(model, CheckpointFiles.IndexFile);
            if (File.Exists(index)) Copy(index, target.Building);
            TokenizerFiles.Copy(model, target.Building);
            Copy(Path.Combine(model, Btx.Model.Configuration.LlamaConfig.FileName), target.Building);
            using (Checkpoint.Open(target.Building))
            {
                target.Commit();
            }
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot copy {model} into the forest {forest}: {e.Message}; the forest is unchanged", e);
        }

        return relative;
    }

    /// <summary>The forest's manifest, or an empty one for a model of this architecture and tokenizer.</summary>
    /// <exception cref="BtxException">The forest holds another architecture or tokenizer.</exception>
    public static ForestManifest Open(string forest, string model)
    {
        var architecture = Btx.Model.Configuration.LlamaConfig.Load(model).RequireDense(model).Fingerprint();
        var tokenizer = TextTokenizer.Load(model).Hash;
        if (!File.Exists(Path.Combine(forest, ForestManifest.FileName)))
            return new ForestManifest { Architecture = architecture, Tokenizer = tokenizer };
        var manifest = ForestManifest.Load(forest);
        if (manifest.Architecture != architecture)
            throw new BtxException($"{model}: its architecture differs from that of the forest {forest}; a forest holds one architecture");
        if (manifest.Tokenizer != tokenizer)
            throw new BtxException($"{model}: its tokenizer differs from that of the forest {forest}; a forest holds one tokenizer");
        return manifest;
    }

    private static void Copy(string file, string directory) =>
        AtomicFile.Write(Path.Combine(directory, Path.GetFileName(file)), stream =>
        {
            using var input = File.OpenRead(file);
            input.CopyTo(stream);
        });
}
