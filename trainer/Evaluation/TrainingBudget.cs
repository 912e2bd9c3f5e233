using System.Globalization;
using System.Text.Json;

namespace Btx.Trainer.Evaluation;

/// <summary>Training tokens behind the compared models, and how the dense baseline's learning rate was chosen: read from the records
/// beside the models, where there are any.</summary>
public sealed record TrainingBudget
{
    private const string RunFile = "run.json";
    private const string SweepFile = "lr_sweep.json";

    public long? SeedTokens { get; init; }

    /// <summary>Sum over the experts, after branching.</summary>
    public long ExpertTokens { get; init; }

    public long? DenseTokens { get; init; }

    public double? DenseLearningRate { get; init; }

    /// <summary>Validation bits per byte by learning rate; empty if none was swept for.</summary>
    public IReadOnlyDictionary<string, double> DenseSweep { get; init; } = new Dictionary<string, double>();

    /// <exception cref="BtxException">A record is there but is no JSON object.</exception>
    public static TrainingBudget Read(EvaluatedModels models) => new()
    {
        SeedTokens = models.Seed is { } seed ? Number(Path.Combine(seed, RunFile), "tokens") is { } s ? (long)s : null : null,
        ExpertTokens = models.Experts.Sum(e => e.Tokens),
        DenseTokens = models.Dense is { } dense && Number(Path.Combine(dense, RunFile), "tokens") is { } d ? (long)d : null,
        DenseLearningRate = models.Dense is { } place ? Number(Path.Combine(place, RunFile), "settings", "learning_rate") : null,
        DenseSweep = models.Dense is { } directory ? Sweep(Path.Combine(directory, SweepFile)) : new Dictionary<string, double>(),
    };

    /// <summary>For the reader of the tables, in lines.</summary>
    public IEnumerable<string> Lines()
    {
        var seed = SeedTokens is { } s ? $"{s:N0} (seed) + " : "";
        yield return $"training tokens: forest {seed}{ExpertTokens:N0} "
            + $"(experts){(SeedTokens is { } t ? $" = {t + ExpertTokens:N0}" : "")}{(DenseTokens is { } d ? $"; dense {d:N0}" : "")}";
        if (DenseTokens is null) yield break;
        var rate = DenseLearningRate is { } r ? r.ToString("R", CultureInfo.InvariantCulture) : "not recorded";
        yield return DenseSweep.Count == 0
            ? $"dense learning rate {rate}, not swept"
            : $"dense learning rate {rate}, swept: "
                + $"{string.Join(", ", DenseSweep.Select(p => $"{p.Key} → {p.Value:F3}"))} validation bits/byte";
    }

    private static Dictionary<string, double> Sweep(string path)
    {
        using var document = RecordFile.Open(path);
        if (document is null || !document.RootElement.TryGetProperty("validation_bits_per_byte", out var bits)
            || bits.ValueKind != JsonValueKind.Object)
            return [];
        return bits.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number).ToDictionary(p => p.Name,
            p => p.Value.GetDouble());
    }

    private static double? Number(string path, params string[] names)
    {
        using var document = RecordFile.Open(path);
        return document is null ? null : RecordFile.Number(document, names);
    }
}
