using System.Text.Json;

namespace Btx.Trainer.Phases;

/// <summary>What a caller asks of a round.</summary>
public sealed record RoundRequest
{
    public required string Forest { get; init; }
    public string? Seed { get; init; } // model directory that the first round branches from; null: the forest alone
    public required string Corpus { get; init; }
    public string? Shards { get; init; } // directory of token shards; null: inside the corpus
    public IReadOnlyList<string> Domains { get; init; } = []; // empty: every domain of the corpus that is to be trained on
    public string? Name { get; init; } // name of the one expert; null: named after their domains
    public BranchRule Branch { get; init; }
    public int K { get; init; } = 2; // for BranchRule.TopK
    public bool RandomSplit { get; init; } // control: experts get random parts of the union instead of a domain each
    public bool RandomInit { get; init; } // control: experts start from random weights, each from its own
    public int? Round { get; init; } // null: the round that is unfinished, or the next
    public bool FromSeed { get; init; } // branch from Seed even where the forest has experts
    public int Parallel { get; init; } = 1;
    public required Func<TrainingOptions, TrainingOptions> Configure { get; init; } // the caller's wishes applied to the defaults

    /// <summary>An expert's options once the tokens of its text are known.</summary>
    public required Func<TrainingOptions, long, TrainingOptions> Settle { get; init; }
    public required RunSettings Settings { get; init; }
}

/// <summary><c>FOREST/runs/NAME/round.json</c>: what a round decided before it began to train, so that it can be resumed and
/// its experts trained by other processes.</summary>
public sealed record RoundPlan
{
    public const string FileName = "round.json";
    public const string RunsDirectory = "runs";

    public required int Round { get; init; }
    public string Status { get; init; } = RunRecord.Training; // RunRecord.Training or RunRecord.Finished

    /// <summary>By flag, as text: what must not change when the round is resumed.</summary>
    public required IReadOnlyDictionary<string, string> Options { get; init; }
    public required IReadOnlyList<TrainingJob> Experts { get; init; }

    public static string DirectoryOf(string forest, string name) => Path.Combine(Path.GetFullPath(forest), RunsDirectory, name);

    /// <summary>The plan in a directory; null if there is none.</summary>
    /// <exception cref="BtxException">There is one that cannot be read.</exception>
    public static RoundPlan? Load(string directory) => RunRecord.Read<RoundPlan>(Path.Combine(directory, FileName));

    /// <summary>Every plan of a forest.</summary>
    public static IReadOnlyList<RoundPlan> All(string forest)
    {
        var runs = Path.Combine(forest, RunsDirectory);
        if (!Directory.Exists(runs)) return [];
        return [.. Directory.EnumerateDirectories(runs).Order(StringComparer.Ordinal).Select(Load).OfType<RoundPlan>()];
    }

    /// <summary>What each expert of a forest was trained on, by its name.</summary>
    internal static Dictionary<string, TextSource> Texts(string forest) =>
        All(forest).SelectMany(p => p.Experts).GroupBy(j => j.Name).ToDictionary(g => g.Key, g => g.Last().Sources[0]);

    public void Save(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));
}

/// <summary>How a round ended.</summary>
/// <param name="AlreadyFinished">An earlier call had finished it.</param>
/// <param name="Failures">Reason by expert; empty: all are trained and merged.</param>
public sealed record RoundResult(RoundPlan Plan, string Directory, bool AlreadyFinished, IReadOnlyDictionary<string, string> Failures)
{
    /// <summary>The figures as JSON.</summary>
    public string Json() => JsonSerializer.Serialize(new
    {
        round = Plan.Round,
        options = Plan.Options,
        experts = Plan.Experts.ToDictionary(e => e.Name, e => new
        {
            parents = e.Parents.Select(p => new { p.Name, p.Weight }),
            run = RunRecord.Load(Path.Combine(Directory, e.Name)),
            error = Failures.GetValueOrDefault(e.Name),
        }),
    }, ManifestJson.Options) + "\n";
}
