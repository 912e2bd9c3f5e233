using System.Globalization;
using System.Text.Json;

namespace Btx.Trainer.Evaluation;

/// <summary>Training tokens behind the compared models, and how the dense baseline's learning rate was chosen: read from the records
/// beside the models, where there are any.</summary>
/// <param name="ExpertTokens">Sum over the experts, after branching.</param>
/// <param name="DenseSweep">Validation bits per byte by learning rate; empty if none was swept for.</param>
public sealed record TrainingBudget(
    long? SeedTokens, long ExpertTokens, long? DenseTokens, double? DenseLearningRate, IReadOnlyDictionary<string, double> DenseSweep)
{
    public static TrainingBudget Read(EvaluatedModels models)
    {
        JsonElement? Record(string name, string file) => models.Other(name) is { } path ? RecordFile.Read(Path.Combine(path, file)) : null;
        var dense = Record(EvaluationMode.Dense, "run.json");
        var sweep = Record(EvaluationMode.Dense, "lr_sweep.json").At("validation_bits_per_byte");
        var swept = sweep is not { ValueKind: JsonValueKind.Object } bits ? [] : bits.EnumerateObject()
            .Where(p => p.Value.ValueKind == JsonValueKind.Number).ToDictionary(p => p.Name, p => p.Value.GetDouble());
        return new((long?)Record(EvaluationMode.Seed, "run.json").Number("tokens"), models.Experts.Sum(e => e.Tokens),
            (long?)dense.Number("tokens"), dense.Number("settings", "learning_rate"), swept);
    }

    /// <summary>For the reader of the tables, in lines.</summary>
    public IEnumerable<string> Lines()
    {
        var (seed, sum) = SeedTokens is { } s ? ($"{s:N0} (seed) + ", $" = {s + ExpertTokens:N0}") : ("", "");
        yield return $"training tokens: forest {seed}{ExpertTokens:N0} (experts){sum}{(DenseTokens is { } d ? $"; dense {d:N0}" : "")}";
        if (DenseTokens is null) yield break;
        var rate = DenseLearningRate is { } r ? r.ToString("R", CultureInfo.InvariantCulture) : "not recorded";
        yield return DenseSweep.Count == 0 ? $"dense learning rate {rate}, not swept"
            : $"dense learning rate {rate}, swept: {string.Join(", ", DenseSweep.Select(p => $"{p.Key} → {p.Value:F3}"))} "
                + "validation bits/byte";
    }
}

/// <summary>Reads single fields of a JSON record that may lie beside a model, made here or elsewhere: what is not there is null.</summary>
internal static class RecordFile
{
    /// <exception cref="BtxException">It is there but is no JSON object.</exception>
    public static JsonElement? Read(string path)
    {
        if (!File.Exists(path)) return null;
        var record = ManifestJson.Read<JsonElement>(BoundedFile.Read(path), path, "a JSON object");
        return record.ValueKind == JsonValueKind.Object ? record : throw new BtxException($"{path}: is not a JSON object");
    }

    public static double? Number(this JsonElement? record, params string[] names) =>
        record.At(names) is { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var value) && double.IsFinite(value)
            ? value : null;

    public static string? Text(this JsonElement? record, params string[] names) =>
        record.At(names) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    public static JsonElement? At(this JsonElement? record, params string[] names)
    {
        foreach (var name in names)
            record = record is { ValueKind: JsonValueKind.Object } item && item.TryGetProperty(name, out var inner) ? inner : null;
        return record;
    }
}
