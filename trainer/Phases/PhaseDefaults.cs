using Btx.Model;
using Btx.Model.Configuration;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Phases;

/// <summary>
/// What the verbs do when not told otherwise. Experts get a quarter of the seed's tokens each and let the rate fall to 0 from the
/// seed's; the dense baseline gets as many tokens as a seed and its experts together, and twice the rate, which suits it better.
/// </summary>
public static class PhaseDefaults
{
    /// <summary>Experts per seed that the dense baseline is matched with when nothing else is known.</summary>
    public const int ExpertsPerRound = 4;

    /// <param name="preset">Name of a network preset.</param>
    /// <param name="context">The model's longest sequence.</param>
    public static TrainingOptions Seed(string preset, int context)
    {
        var large = new AdamWSettings { Beta2 = 0.95, WeightDecay = 0.1 };
        return preset switch
        {
            "tiny" => new() { Tokens = 20_000_000, Batch = 8, Sequence = context, LearningRate = 2e-3 },
            "small" => new()
            {
                Tokens = 200_000_000,
                Batch = 16,
                Sequence = context,
                LearningRate = 1e-3,
                WarmUp = 0.02,
                Optimizer = large
            },
            "base" => new()
            {
                Tokens = 2_500_000_000,
                Batch = 8,
                Accumulate = 8,
                Sequence = context,
                LearningRate = 6e-4,
                WarmUp = 0.02,
                Optimizer = large
            },
            _ => new() { Tokens = 600_000, Batch = 2, Sequence = context, LearningRate = 4e-3 },
        };
    }

    public static TrainingOptions Expert(TrainingOptions seed) =>
        seed with { Tokens = Math.Max(1, seed.Tokens / ExpertsPerRound), Schedule = ScheduleKind.Linear };

    public static TrainingOptions Dense(TrainingOptions seed) =>
        seed with { Tokens = seed.Tokens * 2, LearningRate = seed.LearningRate * 2, Schedule = ScheduleKind.Linear };

    /// <summary>
    /// A fine-tune's defaults by the size of the model, counted with one feed-forward a layer: half
    /// the rate of a seed of that size, falling to 0,
    /// and 5/12 of its tokens, the same for a mixture and for a dense model that it is compared with.
    /// </summary>
    public static TrainingOptions FineTune(LlamaConfig model)
    {
        var seed = Seed(PresetOf((model with { Moe = null }).ParameterCount), Math.Min(model.MaxPositionEmbeddings, 1024));
        return seed with { Tokens = seed.Tokens * 5 / 12, LearningRate = seed.LearningRate / 2, Schedule = ScheduleKind.Linear };
    }

    /// <summary>An expert's defaults for a model directory: from its run.json, or, for a model made elsewhere, from its size.</summary>
    /// <exception cref="BtxException">run.json cannot be read.</exception>
    public static TrainingOptions ExpertOf(string model, long parameters, int context)
    {
        if (RunRecord.Load(model) is { } record)
            return Expert(record.Settings with { Sequence = Math.Min(record.Settings.Sequence, context) });
        return Expert(Seed(PresetOf(parameters), Math.Min(context, 1024)));
    }

    /// <summary>
    /// An expert's defaults in a forest: the options of its latest round before
    /// <paramref name="round"/>, which must not look at itself, or it
    /// could not be resumed; null if there is none. The random seed is no habit of a forest: every expert has its own.
    /// </summary>
    public static TrainingOptions? ExpertIn(string forest, int round)
    {
        var latest = RoundPlan.All(forest).Where(p => p.Experts.Count > 0 && p.Round < round).MaxBy(p => p.Round);
        return latest is null
            ? null
            : latest.Experts.MaxBy(e => e.Options.Tokens)!.Options with { RandomSeed = TrainingOptions.DefaultRandomSeed };
    }

    private static string PresetOf(long parameters) =>
        parameters switch { < 600_000 => "demo", < 4_000_000 => "tiny", < 40_000_000 => "small", _ => "base" };
}
