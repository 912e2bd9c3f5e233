using Btx.Exporter.Graphs;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Exporter.Sources;

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
        foreach (var expert in experts) expert.Dispose();
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

/// <summary>An expert of the source forest, its checkpoint open. Owns the mapping.</summary>
internal sealed record SourceExpert(ExpertEntry Entry, Checkpoint Checkpoint) : IDisposable
{
    public void Dispose() => Checkpoint.Dispose();
}
