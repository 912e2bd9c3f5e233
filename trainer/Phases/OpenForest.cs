namespace Btx.Trainer.Phases;

/// <summary>A forest as phases read it: its manifest, and the experts of it that are ready and have their files.</summary>
public sealed record OpenForest(string Directory, ForestManifest Manifest, ExpertEntry[] Experts)
{
    public string ManifestPath => Path.Combine(Directory, ForestManifest.FileName);

    public string[] Names => [.. Experts.Select(e => e.Name)];

    /// <summary>The experts' model directories.</summary>
    public string[] Models => [.. Experts.Select(ModelOf)];

    /// <exception cref="BtxException">There is no valid manifest.</exception>
    public static OpenForest Load(string directory)
    {
        var manifest = ForestManifest.Load(directory);
        return new(directory, manifest, manifest.Present(directory, Console.Error.WriteLine));
    }

    /// <summary>The same; null: there is no forest yet.</summary>
    public static OpenForest? Find(string directory) =>
        File.Exists(Path.Combine(directory, ForestManifest.FileName)) ? Load(directory) : null;

    public string ModelOf(ExpertEntry expert) => ContainedPath.Resolve(Directory, expert.Path, ManifestPath);

    /// <summary>Checks that a model has the forest's tokenizer and, unless it only stands beside the experts, their architecture.</summary>
    /// <exception cref="BtxException">It has not; names the model and the forest.</exception>
    public void RequireFit(string model, bool isBeside = false)
    {
        if (!isBeside && LlamaConfig.Load(model).RequireDense(model).Fingerprint() != Manifest.Architecture)
            throw new BtxException($"{model}: its architecture (config.json) differs from that of the forest {Directory}, which has one");
        if (TextTokenizer.Load(model).Hash != Manifest.Tokenizer)
            throw new BtxException($"{model}: its tokenizer differs from that of the forest {Directory}, which has one");
    }

    /// <summary>Checks that the experts' files are those that the manifest records.</summary>
    /// <exception cref="BtxException">One's are not; names the model and the manifest.</exception>
    public void RequireRecorded()
    {
        foreach (var (expert, model) in Experts.Zip(Models))
        {
            RequireFit(model);
            if (CheckpointFiles.Hash(model) == expert.Sha256) continue;
            throw new BtxException($"{model}: the weights of expert \"{expert.Name}\" are not those that {ManifestPath} records; restore "
                + "them or train the expert again");
        }
    }
}
