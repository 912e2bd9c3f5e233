using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Tokens;

namespace Btx.Exporter;

/// <summary>The forest to export, opened and checked: one architecture, one tokenizer, weights as recorded. Owns the checkpoints.</summary>
internal sealed class SourceForest : IDisposable
{
    private readonly List<SourceExpert> experts = [];

    private SourceForest(string directory, ForestManifest manifest) => (DirectoryPath, Manifest) = (directory, manifest);

    /// <summary>Absolute path.</summary>
    public string DirectoryPath { get; }

    public ForestManifest Manifest { get; }

    public IReadOnlyList<SourceExpert> Experts => experts;

    /// <param name="names">Experts to take, in this order; null for all that are not quarantined.</param>
    /// <exception cref="BtxException">No such forest or expert, or an expert that is not what the manifest says.</exception>
    public static SourceForest Open(string directory, IReadOnlyList<string>? names)
    {
        directory = Path.GetFullPath(directory);
        var forest = new SourceForest(directory, ForestManifest.Load(directory));
        try
        {
            foreach (var entry in Select(forest, names))
                forest.experts.Add(new SourceExpert(entry,
                    Checkpoint.Open(ContainedPath.Resolve(directory, entry.Path, ForestManifest.FileName))));
            foreach (var expert in forest.experts) forest.Check(expert);
            return forest;
        }
        catch
        {
            forest.Dispose();
            throw;
        }
    }

    /// <exception cref="BtxException">The expert's weight files are not those that the manifest records.</exception>
    public static void CheckHash(SourceExpert expert)
    {
        var hash = CheckpointFiles.Hash(expert.Checkpoint.DirectoryPath);
        if (hash != expert.Entry.Sha256)
            throw new BtxException($"{expert.Checkpoint.DirectoryPath}: weights have sha256 {hash[..12]}…, {ForestManifest.FileName} "
                + $"records {expert.Entry.Sha256[..12]}… for expert \"{expert.Entry.Name}\"; restore the weights or add the expert again");
    }

    public void Dispose()
    {
        foreach (var expert in experts) expert.Checkpoint.Dispose();
    }

    private static List<ExpertEntry> Select(SourceForest forest, IReadOnlyList<string>? names)
    {
        var path = Path.Combine(forest.DirectoryPath, ForestManifest.FileName);
        var chosen = names is null
            ? forest.Manifest.Present(forest.DirectoryPath, Console.Error.WriteLine).ToList()
            : names.Distinct().Select(forest.Manifest.Expert).ToList();
        return chosen.Count > 0 ? chosen : throw new BtxException($"{path}: has no expert to export; `btx train round` makes some");
    }

    private void Check(SourceExpert expert)
    {
        var config = expert.Checkpoint.Config;
        var name = expert.Entry.Name;
        if (name == ForestState.Seed)
            throw new BtxException($"{ForestManifest.FileName}: an expert is named \"{name}\", as every lineage calls the seed model; "
                + $"rename it there (its directory may stay), with the parents that mean it");
        if (config.Fingerprint() != Manifest.Architecture)
            throw new BtxException($"{expert.Checkpoint.DirectoryPath}: expert \"{name}\" has another architecture than "
                + $"{ForestManifest.FileName} records; all experts of a forest must share one");
        var tokenizer = TextTokenizer.Load(expert.Checkpoint.DirectoryPath);
        if (tokenizer.Hash != Manifest.Tokenizer)
            throw new BtxException($"{expert.Checkpoint.DirectoryPath}: expert \"{name}\" has another tokenizer than "
                + $"{ForestManifest.FileName} records; all experts of a forest must share one");
        config.RequireTokens(tokenizer.VocabSize, expert.Checkpoint.DirectoryPath);
        LlamaGraph.CheckHeadDim(config);
    }
}

/// <summary>An expert of the source forest, its checkpoint open.</summary>
internal sealed record SourceExpert(ExpertEntry Entry, Checkpoint Checkpoint);

/// <summary>The Mixtral directory to export, opened and checked. Owns the mapping.</summary>
internal sealed class SourceMoe : IDisposable
{
    private SourceMoe(Checkpoint checkpoint, BtxManifest manifest) => (Checkpoint, Manifest) = (checkpoint, manifest);

    public Checkpoint Checkpoint { get; }

    /// <summary>What <c>btx.json</c> says, or what stands for it.</summary>
    public BtxManifest Manifest { get; }

    public LlamaConfig Config => Checkpoint.Config;

    public MoeConfig Moe => Checkpoint.Config.Moe!;

    /// <exception cref="BtxException">No Mixtral directory, or <c>btx.json</c> is of another model.</exception>
    public static SourceMoe Open(string directory)
    {
        directory = Path.GetFullPath(directory);
        var config = LlamaConfig.Load(directory);
        if (config.Moe is null)
            throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: model_type is llama; --btx takes "
                + "a mixtral model, `btx train mix` makes one");
        LlamaGraph.CheckHeadDim(config);
        var checkpoint = Checkpoint.Open(directory);
        try
        {
            var tokenizer = TextTokenizer.Load(directory);
            config.RequireTokens(tokenizer.VocabSize, directory);
            return new SourceMoe(checkpoint, BtxManifest.Of(directory, config, tokenizer.Hash, CheckpointFiles.Hash(directory)));
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public void Dispose() => Checkpoint.Dispose();
}

/// <summary>How a graph runs the experts.</summary>
public enum MoeForm
{
    /// <summary>Plain operators, k an input: <see cref="RoutedExperts"/>.</summary>
    Gathered,

    /// <summary><c>com.microsoft.MoE</c>, one graph for each k: <see cref="FusedExperts"/>.</summary>
    Fused,
}
