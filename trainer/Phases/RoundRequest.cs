namespace Btx.Trainer.Phases;

/// <summary>What a caller asks of a round.</summary>
public sealed record RoundRequest
{
    public required string Forest { get; init; }

    /// <summary>Model directory that the first round branches from; null: the forest alone.</summary>
    public string? Seed { get; init; }

    public required string Corpus { get; init; }

    /// <summary>Directory of token shards; null: inside the corpus.</summary>
    public string? Shards { get; init; }

    /// <summary>Empty: every domain of the corpus that is to be trained on.</summary>
    public IReadOnlyList<string> Domains { get; init; } = [];

    /// <summary>Name of the one expert; null: named after their domains.</summary>
    public string? Name { get; init; }

    public BranchRule Branch { get; init; } = BranchRule.Posterior;

    /// <summary>For <see cref="BranchRule.TopK"/>.</summary>
    public int K { get; init; } = 2;

    /// <summary>Control: experts get random parts of the union instead of a domain each.</summary>
    public bool RandomSplit { get; init; }

    /// <summary>Control: experts start from random weights, each from its own.</summary>
    public bool RandomInit { get; init; }

    /// <summary>Null: the round that is unfinished, or the next.</summary>
    public int? Round { get; init; }

    /// <summary>Branch from <see cref="Seed"/> even where the forest has experts.</summary>
    public bool FromSeed { get; init; }

    /// <summary>Experts trained at once.</summary>
    public int Parallel { get; init; } = 1;

    /// <summary>The caller's wishes applied to the defaults.</summary>
    public required Func<TrainingOptions, TrainingOptions> Configure { get; init; }

    /// <summary>An expert's options once the tokens of its text are known.</summary>
    public Func<TrainingOptions, long, TrainingOptions> Settle { get; init; } = (options, _) => options;

    public RunSettings Settings { get; init; } = new();
}
