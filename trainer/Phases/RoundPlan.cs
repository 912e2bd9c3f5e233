using System.Text.Json;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Trainer.Phases;

/// <summary><c>FOREST/runs/NAME/round.json</c>: what a round decided before it began to train, so that it can be resumed and
/// its experts trained by other processes.</summary>
public sealed record RoundPlan
{
    public const string FileName = "round.json";
    public const string RunsDirectory = "runs";
    public const string Training = "training";
    public const string Finished = "finished";

    public required int Round { get; init; }

    /// <summary><see cref="Training"/> or <see cref="Finished"/>.</summary>
    public string Status { get; init; } = Training;

    /// <summary>By flag, as text: what must not change when the round is resumed.</summary>
    public required IReadOnlyDictionary<string, string> Options { get; init; }

    public required IReadOnlyList<TrainingJob> Experts { get; init; }

    public static string DirectoryOf(string forest, string name) => Path.Combine(Path.GetFullPath(forest), RunsDirectory, name);

    /// <summary>The plan in a directory; null if there is none.</summary>
    /// <exception cref="BtxException">There is one that cannot be read.</exception>
    public static RoundPlan? Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            using var stream = File.OpenRead(path);
            return JsonSerializer.Deserialize<RoundPlan>(stream, ManifestJson.Options) ?? throw new BtxException($"{path}: is null");
        }
        catch (Exception e) when (e is JsonException or IOException or NotSupportedException)
        {
            throw new BtxException($"{path}: cannot be read ({BtxException.OneLine(e.Message)}); start over with --fresh", e);
        }
    }

    /// <summary>Every plan of a forest.</summary>
    public static IReadOnlyList<RoundPlan> All(string forest)
    {
        var runs = Path.Combine(forest, RunsDirectory);
        if (!Directory.Exists(runs)) return [];
        return [.. Directory.EnumerateDirectories(runs).Order(StringComparer.Ordinal).Select(Load).OfType<RoundPlan>()];
    }

    public void Save(string directory) =>
        AtomicFile.WriteText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, ManifestJson.Options) + "\n");
}
