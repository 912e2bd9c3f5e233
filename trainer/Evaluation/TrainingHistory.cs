using System.Text.Json;

namespace Btx.Trainer.Evaluation;

/// <summary>What it took to train the model, or the models, behind one row, and what each token costs it.</summary>
/// <param name="Complete">False where a record is missing: then the figures are lower bounds.</param>
/// <param name="ActiveParameters">Parameters that multiply for a predicted token; null where it varies.</param>
public sealed record TrainingCompute(IReadOnlyCollection<TrainedRun> Runs, bool Complete, long? ActiveParameters)
{
    public long Tokens => Runs.Sum(r => r.Tokens);

    public double Flops => Runs.Sum(r => r.Flops);

    /// <summary>Tokens by phase, in the order of training.</summary>
    public string Phases => string.Join(" + ", Runs.GroupBy(r => r.Phase)
        .Select(g => $"{Quantity.Short(g.Sum(r => r.Tokens))} {g.Key}{(g.Count() > 1 ? $" ({g.Count()})" : "")}"));
}

/// <summary>One run in the history of a model.</summary>
/// <param name="Sha256">Of the weights it made: a run that two experts descend from is the same run.</param>
/// <param name="Phase"><c>seed</c>, <c>expert</c>, <c>dense</c>, <c>finetune</c>.</param>
public sealed record TrainedRun(string Sha256, string Phase, long Tokens, long ActiveParameters)
{
    /// <summary>2 forward and 4 backward per parameter and token (arXiv 2001.08361, section 2.1), without those of attention.</summary>
    public double Flops => 6.0 * ActiveParameters * Tokens;
}

/// <summary>How many parameters multiply for one token: all but an untied input embedding and the experts that are not chosen.</summary>
public static class ActiveParameters
{
    /// <param name="softLayers">Layers in which every expert runs.</param>
    public static long Of(LlamaConfig config, int? k = null, IReadOnlyList<int>? softLayers = null)
    {
        var multiplied = config.ParameterCount - (config.TieWordEmbeddings ? 0 : (long)config.VocabSize * config.HiddenSize);
        if (config.Moe is not { } m) return multiplied;
        var routed = config.NumHiddenLayers - (softLayers?.Count ?? 0);
        return multiplied - ((long)routed * (m.Experts - (k ?? m.ExpertsPerToken)) * 3 * config.HiddenSize * config.IntermediateSize);
    }

    /// <summary>Of a model directory, Llama or Mixtral.</summary>
    public static long Of(string directory, int? k = null)
    {
        var config = LlamaConfig.Load(directory);
        var mixed = config.Moe is not null && BtxManifest.Exists(directory);
        return Of(config, k, mixed ? BtxManifest.Load(directory).Router.SoftLayers : null);
    }
}

/// <summary>Finds the runs behind each model of an evaluation from the records beside them: <c>run.json</c>, <c>btx.json</c>,
/// <c>average.json</c> and <c>forest.json</c>. Models are known by the SHA-256 of their weights, so that the seed of four experts counts
/// once.</summary>
public sealed class TrainingHistory(EvaluatedModels models)
{
    private readonly Dictionary<string, string> hashes = new(StringComparer.Ordinal);

    /// <summary>For every mode, by its key.</summary>
    public IReadOnlyDictionary<string, TrainingCompute> Of(IEnumerable<EvaluationMode> modes) => modes.ToDictionary(m => m.Key, Of);

    private TrainingCompute Of(EvaluationMode mode)
    {
        HashSet<string> visited = new(StringComparer.Ordinal);
        if (mode.Model is { } name)
        {
            var directory = models.Other(name)!;
            return Sum(Model(directory, visited), ActiveParameters.Of(directory, mode.Routing?.K));
        }

        var mixed = models.Experts.Where(e => mode.Routing is not { Mode: RoutingMode.Expert } alone || alone.Expert == e.Name);
        var expert = ActiveParameters.Of(models.Forest.Models[0]);
        return Sum(mixed.SelectMany(e => Expert(e, visited)), mode.Routing switch
        {
            { Mode: RoutingMode.Ensemble } => models.Experts.Count * expert,
            { Mode: RoutingMode.TopK, K: var k } => k * expert,
            { Mode: RoutingMode.TopP } => null,
            _ => expert,
        });
    }

    private static TrainingCompute Sum(IEnumerable<TrainedRun?> runs, long? active)
    {
        TrainedRun?[] all = [.. runs];
        return new([.. all.OfType<TrainedRun>().Where(r => r.Tokens > 0).DistinctBy(r => r.Sha256)], !all.Contains(null), active);
    }

    // The runs behind a model, those of its parents first; null stands for what no record tells.
    private IEnumerable<TrainedRun?> Model(string directory, HashSet<string> visited)
    {
        var hash = Hash(directory);
        if (!visited.Add(hash)) return [];
        if (models.Manifest.Experts.FirstOrDefault(e => e.Sha256 == hash) is { } expert) return Expert(expert, visited);
        var run = RecordFile.Read(Path.Combine(directory, RunRecord.FileName));
        var tokens = run.Number("tokens");
        if (tokens is null) run = null;
        var moe = BtxManifest.Exists(directory) ? BtxManifest.Load(directory) : null;
        JsonElement[] parents = run.At("parents") is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];
        var active = ActiveParameters.Of(directory);
        List<TrainedRun?> runs = [];
        if (parents.Length == 0 && run.Text("options", "initial weights") is not (null or "random")) runs.Add(null);
        foreach (JsonElement? parent in parents) runs.AddRange(Parent(parent.Text("sha256"), parent.Text("model"), visited));
        foreach (var source in moe?.Experts ?? []) runs.AddRange(Parent(source.Sha256, null, visited));
        if (run is not null) runs.Add(new(hash, run.Text("phase") ?? "training", (long)tokens!, active));
        else if (moe?.FineTune is { } tuned) runs.Add(new(hash, "finetune", tuned.Tokens, active));
        else if (moe is null) runs.AddRange(Average(directory, visited));
        return runs;
    }

    private IEnumerable<TrainedRun?> Parent(string? hash, string? path, HashSet<string> visited)
    {
        if (hash is null) return [null];
        if (visited.Contains(hash)) return [];
        if (models.Manifest.Experts.FirstOrDefault(e => e.Sha256 == hash) is { } expert) return Expert(expert, visited);
        var known = models.Others.Select(m => m.Directory).Append(Directory.Exists(path) ? path : null)
            .FirstOrDefault(d => d is not null && Hash(d) == hash);
        return known is null ? [null] : Model(known, visited);
    }

    private IEnumerable<TrainedRun?> Expert(ExpertEntry entry, HashSet<string> visited)
    {
        if (!visited.Add($"expert {entry.Name}")) return [];
        var parents = entry.Parents.Where(p => p.Weight > 0).SelectMany(parent =>
            models.Manifest.Experts.FirstOrDefault(e => e.Name == parent.Name) is { } other ? Expert(other, visited)
            : models.Other(EvaluationMode.Seed) is { } seed ? Model(seed, visited) : [null]);
        return [.. parents, new(entry.Sha256, "expert", entry.Tokens, ActiveParameters.Of(models.Forest.Models[0]))];
    }

    // An average costs nothing itself.
    private TrainedRun?[] Average(string directory, HashSet<string> visited)
    {
        var record = RecordFile.Read(Path.Combine(directory, ForestAverage.FileName));
        return record.Text("forest") == models.Manifest.Hash() && record.At("experts") is { ValueKind: JsonValueKind.Object } shares
            ? [.. shares.EnumerateObject().Where(s => s.Value is { ValueKind: JsonValueKind.Number } v && v.GetDouble() > 0)
                .SelectMany(share => Expert(models.Manifest.Expert(share.Name), visited))]
            : [null];
    }

    private string Hash(string directory) =>
        hashes.TryGetValue(directory, out var hash) ? hash : hashes[directory] = CheckpointFiles.Hash(directory);
}
