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
        var manifest = File.Exists(Path.Combine(forest, ForestManifest.FileName)) ? ForestManifest.Load(forest) : new()
        {
            Architecture = LlamaConfig.Load(model).Fingerprint(),
            Tokenizer = TextTokenizer.Load(model).Hash,
        };
        new OpenForest(forest, manifest, []).RequireFit(model);
        return manifest;
    }
}
