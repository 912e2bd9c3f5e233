using System.Text.Json;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Model.Registry;

/// <summary>How an expert was trained, as the trainer recorded it in <c>FOREST/runs/*/round.json</c>.</summary>
public sealed record RecordedTraining
{
    public required string Expert { get; init; }

    public required string Corpus { get; init; }

    /// <summary>Directory of token shards; null: inside the corpus.</summary>
    public string? Shards { get; init; }

    /// <summary>Corpus domains that it was trained on; more than one for a random part of their union.</summary>
    public required IReadOnlyList<string> Domains { get; init; }

    /// <summary>Directory of the seed model; null: it did not branch from the seed.</summary>
    public string? SeedModel { get; init; }

    /// <summary>The flags that decide the weights, in the trainer's order; <c>--branch</c> and <c>--k</c> first.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Flags { get; init; }

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
                    + $"({BtxException.OneLine(e.Message)}); move it away, or give the recipe its corpus by --corpus",
                    e);
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
            var seed = job.TryGetProperty("parents", out var parents)
                ? parents.EnumerateArray().Where(p => p.GetProperty("name").GetString() == ForestState.Seed)
                .Select(p => p.GetProperty("model").GetString()).FirstOrDefault() : null;
            yield return new()
            {
                Expert = job.GetProperty("name").GetString() is { } name && ForestManifestRules.IsName(name) ? name
                    : throw new FormatException("an expert has no valid name"),
                Corpus = job.GetProperty("corpus").GetString()!,
                Shards = job.TryGetProperty("shards", out var shards) ? shards.GetString() : null,
                Domains = [.. job.GetProperty("sources").EnumerateArray().SelectMany(s => s.GetProperty("domains").EnumerateArray())
                    .Select(d => d.GetString()!)],
                SeedModel = seed,
                Flags = flags,
            };
        }
    }
}
