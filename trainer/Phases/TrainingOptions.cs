using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Phases;

/// <summary>Everything that decides the weights of a run besides its text and its initial weights.</summary>
public sealed record TrainingOptions
{
    public const long DefaultRandomSeed = 1;

    public required long Tokens { get; init; } // training tokens; rounded up to whole steps
    public required int Batch { get; init; } // windows in a micro-batch
    public required int Sequence { get; init; } // predicted tokens in a window
    public int Accumulate { get; init; } = 1; // micro-batches in a step
    public required double LearningRate { get; init; }
    public double MinimumRate { get; init; }
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Constant;
    public double WarmUp { get; init; } = 0.04; // share of the steps
    public double Power { get; init; } = 1;
    public AdamWSettings Optimizer { get; init; } = new();
    public long RandomSeed { get; init; } = DefaultRandomSeed;
    public int Threads { get; init; } = 1;
    public string Device { get; init; } = "cpu";
    public bool FreezeShared { get; init; } // whether only the feed-forwards learn: embedding, attention, norms and head stay as they began

    /// <summary>Validations in a row without a new best after which the run stops; 0: not to stop early; null: nor would it, as no text
    /// comes twice.</summary>
    public int? Patience { get; init; }

    public long TokensPerStep => (long)Batch * Sequence * Accumulate;

    public long Steps => (Tokens + TokensPerStep - 1) / TokensPerStep;

    public LearningRateSchedule Rates() => new(Schedule, LearningRate, MinimumRate, (long)Math.Ceiling(WarmUp * Steps), Steps, Power);

    /// <summary>By flag, as text.</summary>
    public IEnumerable<KeyValuePair<string, string>> Flags() =>
    [
        .. Numbers.Select(n => KeyValuePair.Create(n.Flag, $"{n.Value}")), new("--sequence", $"{Sequence}"),
        new("--random-seed", $"{RandomSeed}"), new("--schedule", Schedule.ToString().ToLowerInvariant()), new("--device", Device),
        .. Patience is null ? NoFlags : [Patience > 0 ? new("--patience", $"{Patience}") : new("--no-early-stop", "on")],
        .. FreezeShared ? [new("--freeze", "shared")] : NoFlags, // otherwise nothing, as in runs from before there was the choice
    ];

    /// <exception cref="BtxException">A value is out of range; names the flag.</exception>
    public TrainingOptions Validate(int maxPositions)
    {
        foreach (var (flag, value, low, high) in Numbers.Append(("--patience", Patience ?? 0, 0, 1 << 20)))
        {
            var above = flag is "--lr" or "--power" or "--epsilon";
            if (!(value >= low && value <= high) || (above && value == low))
                throw new BtxException($"{flag} is {value}; expected a number {(above ? "above" : "from")} {low} "
                    + $"{(double.IsInfinity(high) ? "on" : $"to {high}")}");
        }

        if (Sequence < 1 || Sequence > maxPositions)
            throw new BtxException($"--sequence is {Sequence}; the model's context allows 1 to {maxPositions}");
        return this;
    }

    private static KeyValuePair<string, string>[] NoFlags => [];

    private IEnumerable<(string Flag, double Value, double Low, double High)> Numbers =>
    [
        ("--tokens", Tokens, 1, 1e15), ("--batch", Batch, 1, 1 << 20), ("--accumulate", Accumulate, 1, 1 << 20),
        ("--threads", Threads, 1, 4096), ("--lr", LearningRate, 0, 1e3), ("--min-lr", MinimumRate, 0, LearningRate),
        ("--warmup", WarmUp, 0, 1), ("--power", Power, 0, 100),
        ("--beta1", Optimizer.Beta1, 0, 0.999999), ("--beta2", Optimizer.Beta2, 0, 0.999999999), ("--epsilon", Optimizer.Epsilon, 0, 1),
        ("--weight-decay", Optimizer.WeightDecay, 0, 1e3), ("--clip", Optimizer.ClipNorm, 0, double.PositiveInfinity),
    ];
}
