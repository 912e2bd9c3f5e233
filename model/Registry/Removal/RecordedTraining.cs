using System.Text.Json;

namespace Btx.Model.Registry;

/// <summary>How an expert was trained, as the trainer recorded it in <c>FOREST/runs/*/round.json</c>.</summary>
/// <param name="Shards">Directory of token shards; null: inside the corpus.</param>
/// <param name="Domains">Corpus domains that it was trained on; more than one for a random part of their union.</param>
/// <param name="SeedModel">Directory of the seed model; null: it did not branch from the seed.</param>
/// <param name="Flags">The flags that decide the weights, in the trainer's order; <c>--branch</c> and <c>--k</c> first.</param>
public sealed record RecordedTraining(string Expert, string Corpus, string? Shards, IReadOnlyList<string> Domains, string? SeedModel,
    IReadOnlyList<KeyValuePair<string, string>> Flags)
{
    /// <summary>Every expert's record; of one that was trained twice, the last. Rounds without a record are left out.</summary>
    public static IReadOnlyDictionary<string, RecordedTraining> All(string forest)
    {
        var found = new Dictionary<string, RecordedTraining>(StringComparer.Ordinal);
        var runs = Path.Combine(forest, "runs");
        if (!Directory.Exists(runs)) return found;
        var files = Directory.EnumerateDirectories(runs).Order(StringComparer.Ordinal).Select(d => Path.Combine(d, "round.json"));
        foreach (var file in files.Where(File.Exists))
        {
            try
            {
                using var json = JsonDocument.Parse(BoundedFile.Read(file));
                foreach (var training in Of(json.RootElement)) found[training.Expert] = training;
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new BtxException(ErrorKind.Precondition, $"{file}: not a record of a training round "
                    + $"({BtxException.OneLine(e.Message)}); move it away, or give the recipe its corpus by --corpus", e);
            }
        }

        return found;
    }

    private static IEnumerable<RecordedTraining> Of(JsonElement round)
    {
        var flags = new List<KeyValuePair<string, string>>();
        foreach (var option in round.GetProperty("options").EnumerateObject())
        {
            var value = option.Value.GetString()!;
            if (option.Name == "--branch")
            {
                var parts = value.Split(" with --k "); // "top_k with --k 2"
                if (parts.Length > 1) flags.Insert(0, new("--k", parts[1]));
                flags.Insert(0, new("--branch", parts[0]));
            }
            else if (option.Name is not ("--domains" or "--corpus" or "--random-split" or "--random-init")
                && option.Name.StartsWith("--", StringComparison.Ordinal))
                flags.Add(new(option.Name, value));
        }

        foreach (var job in round.GetProperty("experts").EnumerateArray())
        {
            if (job.GetProperty("name").GetString() is not { } name || !ForestManifestRules.IsName(name))
                throw new FormatException("an expert has no valid name");
            var seed = !job.TryGetProperty("parents", out var parents) ? null : parents.EnumerateArray()
                .Where(p => p.GetProperty("name").GetString() == ForestState.Seed)
                .Select(p => p.GetProperty("model").GetString()).FirstOrDefault();
            var domains = job.GetProperty("sources").EnumerateArray().SelectMany(s => s.GetProperty("domains").EnumerateArray());
            yield return new(name, job.GetProperty("corpus").GetString()!,
                job.TryGetProperty("shards", out var shards) ? shards.GetString() : null, [.. domains.Select(d => d.GetString()!)], seed,
                flags);
        }
    }
}
