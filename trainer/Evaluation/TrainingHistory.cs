using System.Text.Json;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Evaluation;

/// <summary>
/// Finds the runs behind each model of an evaluation from the records beside them:
/// <c>run.json</c>, <c>btx.json</c>, <c>average.json</c> and
/// <c>forest.json</c>. Models are known by the SHA-256 of their weights, so that the seed of four experts counts once.
/// </summary>
public sealed class TrainingHistory(EvaluatedModels models)
{
    private readonly Dictionary<string, string> hashes = new(StringComparer.Ordinal);

    /// <summary>For every mode, by its key.</summary>
    /// <exception cref="BtxException">A record is there but cannot be read.</exception>
    public IReadOnlyDictionary<string, TrainingCompute> Of(IEnumerable<EvaluationMode> modes) => modes.ToDictionary(m => m.Key, Of);

    private TrainingCompute Of(EvaluationMode mode)
    {
        var found = new Found();
        var expert = ActiveParameters.Of(models.ExpertDirectories[0]);
        if (mode.IsModel)
        {
            var directory = mode switch
            {
                { Key: EvaluationMode.Seed } => models.Seed!,
                { Key: EvaluationMode.Dense } => models.Dense!,
                { Routing: not null } => models.Btx!,
                _ => models.Compared.Single(m => m.Name == mode.Key).Directory,
            };
            Model(directory, found);
            return found.Compute(ActiveParameters.Of(directory, mode.Routing?.K));
        }

        foreach (var entry in models.Experts)
        {
            if (mode.Routing is not { Mode: RoutingMode.Expert } alone || alone.Expert == entry.Name) Expert(entry, found);
        }

        return found.Compute(mode.Routing switch
        {
            { Mode: RoutingMode.Ensemble } => models.Experts.Count * expert,
            { Mode: RoutingMode.TopK, K: var k } => k * expert,
            { Mode: RoutingMode.TopP } => null,
            _ => expert,
        });
    }

    private void Model(string directory, Found found)
    {
        var hash = Hash(directory);
        if (!found.Visited.Add(hash)) return;
        if (models.Manifest.Experts.FirstOrDefault(e => e.Sha256 == hash) is { } expert)
        {
            Expert(expert, found);
            return;
        }

        var run = RunOf(directory);
        var moe = BtxManifest.Exists(directory) ? BtxManifest.Load(directory) : null;
        if (run is { FromRandom: false, Parents.Count: 0 }) found.Complete = false;
        foreach (var (parent, path) in run?.Parents ?? []) Parent(parent, path, found);
        foreach (var source in moe?.Experts ?? []) Parent(source.Sha256, null, found);
        if (run is not null) found.Runs.Add(new(hash, run.Value.Phase, run.Value.Tokens, ActiveParameters.Of(directory)));
        else if (moe?.FineTune is { } tuned) found.Runs.Add(new(hash, "finetune", tuned.Tokens, ActiveParameters.Of(directory)));
        if (run is null && moe is null && !Average(directory, found)) found.Complete = false;
    }

    private void Parent(string? hash, string? path, Found found)
    {
        if (hash is null || found.Visited.Contains(hash))
        {
            found.Complete &= hash is not null;
            return;
        }

        var expert = models.Manifest.Experts.FirstOrDefault(e => e.Sha256 == hash);
        var known = ((string?[])[models.Seed, models.Dense, models.Btx, .. models.Compared.Select(m => m.Directory),
            Directory.Exists(path) ? path : null]).FirstOrDefault(d => d is not null && Hash(d) == hash);
        if (expert is not null) Expert(expert, found);
        else if (known is not null) Model(known, found);
        else found.Complete = false;
    }

    private void Expert(ExpertEntry entry, Found found)
    {
        if (!found.Experts.Add(entry.Name)) return;
        foreach (var parent in entry.Parents.Where(p => p.Weight > 0))
        {
            if (models.Manifest.Experts.FirstOrDefault(e => e.Name == parent.Name) is { } other) Expert(other, found);
            else if (models.Seed is { } seed) Model(seed, found);
            else found.Complete = false;
        }

        found.Runs.Add(new(entry.Sha256, "expert", entry.Tokens, ActiveParameters.Of(models.ExpertDirectories[0])));
    }

    // An average costs nothing itself.
    private bool Average(string directory, Found found)
    {
        var path = Path.Combine(directory, ForestAverage.FileName);
        using var document = RecordFile.Open(path);
        if (document is null || RecordFile.Text(document, "forest") != models.Manifest.Hash()
            || !document.RootElement.TryGetProperty("experts", out var shares) || shares.ValueKind != JsonValueKind.Object)
            return false;
        foreach (var share in shares.EnumerateObject().Where(s => s.Value is { ValueKind: JsonValueKind.Number } v && v.GetDouble() > 0))
            Expert(models.Manifest.Expert(share.Name), found);
        return true;
    }

    private static (string Phase, long Tokens, bool FromRandom, IReadOnlyList<(string? Sha256, string? Path)> Parents)? RunOf(
        string directory)
    {
        using var document = RecordFile.Open(Path.Combine(directory, RunRecord.FileName));
        if (document is null || RecordFile.Number(document, "tokens") is not { } tokens) return null;
        var parents = new List<(string?, string?)>();
        if (document.RootElement.TryGetProperty("parents", out var list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (var parent in list.EnumerateArray())
                parents.Add((RecordFile.Text(parent, "sha256"), RecordFile.Text(parent, "model")));
        }

        return (RecordFile.Text(document, "phase") ?? "training", (long)tokens,
            RecordFile.Text(document, "options", "initial weights") is null or "random", parents);
    }

    private string Hash(string directory)
    {
        if (!hashes.TryGetValue(directory, out var hash)) hashes[directory] = hash = CheckpointFiles.Hash(directory);
        return hash;
    }

    private sealed class Found
    {
        public HashSet<string> Visited { get; } = new(StringComparer.Ordinal);
        public HashSet<string> Experts { get; } = new(StringComparer.Ordinal);
        public List<TrainedRun> Runs { get; } = [];
        public bool Complete { get; set; } = true;
        public TrainingCompute Compute(long? active) => new([.. Runs.Where(r => r.Tokens > 0).DistinctBy(r => r.Sha256)], Complete, active);
    }
}
