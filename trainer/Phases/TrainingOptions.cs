using System.Globalization;
using Btx.Model;
using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Phases;

/// <summary>Everything that decides the weights of a run besides its text and its initial weights.</summary>
public sealed record TrainingOptions
{
    public const long DefaultRandomSeed = 1;

    /// <summary>Training tokens; rounded up to whole steps.</summary>
    public required long Tokens { get; init; }

    /// <summary>Windows in a micro-batch.</summary>
    public required int Batch { get; init; }

    /// <summary>Predicted tokens in a window.</summary>
    public required int Sequence { get; init; }

    /// <summary>Micro-batches in a step.</summary>
    public int Accumulate { get; init; } = 1;

    public required double LearningRate { get; init; }
    public double MinimumRate { get; init; }
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Constant;

    /// <summary>Share of the steps.</summary>
    public double WarmUp { get; init; } = 0.04;

    public double Power { get; init; } = 1;
    public AdamWSettings Optimizer { get; init; } = new();
    public long RandomSeed { get; init; } = DefaultRandomSeed;
    public int Threads { get; init; } = 1;
    public string Device { get; init; } = "cpu";

    /// <summary>Whether only the feed-forwards learn: embedding, attention, norms and head stay as they began.</summary>
    public bool FreezeShared { get; init; }

    /// <summary>
    /// Validations in a row without a new best after which the run stops; 0: it is not to stop early; null: nor would it, as no text comes
    /// twice.
    /// </summary>
    public int? Patience { get; init; }

    public long TokensPerStep => (long)Batch * Sequence * Accumulate;

    public long Steps => (Tokens + TokensPerStep - 1) / TokensPerStep;

    public LearningRateSchedule Rates() => new(Schedule, LearningRate, MinimumRate, (long)Math.Ceiling(WarmUp * Steps), Steps, Power);

    /// <summary>By flag, as text.</summary>
    public IEnumerable<KeyValuePair<string, string>> Flags()
    {
        static KeyValuePair<string, string> Flag(string name, IFormattable value) =>
            new(name, value.ToString(null, CultureInfo.InvariantCulture));
        yield return Flag("--tokens", Tokens);
        yield return Flag("--batch", Batch);
        yield return Flag("--sequence", Sequence);
        yield return Flag("--accumulate", Accumulate);
        yield return Flag("--lr", LearningRate);
        yield return Flag("--min-lr", MinimumRate);
        yield return new("--schedule", Schedule.ToString().ToLowerInvariant());
        yield return Flag("--warmup", WarmUp);
        yield return Flag("--power", Power);
        yield return Flag("--beta1", Optimizer.Beta1);
        yield return Flag("--beta2", Optimizer.Beta2);
        yield return Flag("--epsilon", Optimizer.Epsilon);
        yield return Flag("--weight-decay", Optimizer.WeightDecay);
        yield return Flag("--clip", Optimizer.ClipNorm);
        yield return Flag("--random-seed", RandomSeed);
        yield return Flag("--threads", Threads);
        yield return new("--device", Device);
        if (Patience is { } patience) yield return patience > 0 ? Flag("--patience", patience) : new("--no-early-stop", "on");
        if (FreezeShared) yield return new("--freeze", "shared"); // otherwise nothing, as in runs from before there was the choice
    }

    /// <exception cref="BtxException">A value is out of range; names the flag.</exception>
    public TrainingOptions Validate(int maxPositions)
    {
        void Range(string flag, double value, double low, double high, bool open = false)
        {
            if (!(value >= low && value <= high) || (open && value == low))
                throw new BtxException($"{flag} is {value}; expected a number {(open ? "above" : "from")} {low} "
                    + $"{(double.IsInfinity(high) ? "on" : $"to {high}")}");
        }

        Range("--tokens", Tokens, 1, 1e15);
        Range("--batch", Batch, 1, 1 << 20);
        Range("--accumulate", Accumulate, 1, 1 << 20);
        Range("--threads", Threads, 1, 4096);
        Range("--lr", LearningRate, 0, 1e3, open: true);
        Range("--min-lr", MinimumRate, 0, LearningRate);
        Range("--warmup", WarmUp, 0, 1);
        Range("--power", Power, 0, 100, open: true);
        Range("--beta1", Optimizer.Beta1, 0, 0.999999);
        Range("--beta2", Optimizer.Beta2, 0, 0.999999999);
        Range("--epsilon", Optimizer.Epsilon, 0, 1, open: true);
        Range("--weight-decay", Optimizer.WeightDecay, 0, 1e3);
        Range("--patience", Patience ?? 0, 0, 1 << 20);
        Range("--clip", Optimizer.ClipNorm, 0, double.PositiveInfinity);
        if (Sequence < 1 || Sequence > maxPositions)
            throw new BtxException($"--sequence is {Sequence}; the model's context allows 1 to {maxPositions}");
        return this;
    }
}
