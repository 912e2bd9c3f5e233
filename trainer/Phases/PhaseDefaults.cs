using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Phases;

/// <summary>What the verbs do when not told otherwise. Experts get a quarter of the seed's tokens each and let the rate fall to 0 from the
/// seed's; the dense baseline gets as many tokens as a seed and its experts together, and twice the rate, which suits it better.</summary>
public static class PhaseDefaults
{
    /// <summary>Experts per seed that the dense baseline is matched with when nothing else is known.</summary>
    public const int ExpertsPerRound = 4;

    /// <param name="context">The model's longest sequence.</param>
    public static TrainingOptions Seed(string preset, int context)
    {
        var demo = new TrainingOptions { Tokens = 600_000, Batch = 2, Sequence = context, LearningRate = 4e-3 };
        var large = demo with { WarmUp = 0.02, Optimizer = new() { Beta2 = 0.95, WeightDecay = 0.1 } };
        return preset switch
        {
            "tiny" => demo with { Tokens = 20_000_000, Batch = 8, LearningRate = 2e-3 },
            "small" => large with { Tokens = 200_000_000, Batch = 16, LearningRate = 1e-3 },
            "base" => large with { Tokens = 2_500_000_000, Batch = 8, Accumulate = 8, LearningRate = 6e-4 },
            _ => demo,
        };
    }

    private static TrainingOptions Expert(TrainingOptions seed) =>
        seed with { Tokens = Math.Max(1, seed.Tokens / ExpertsPerRound), Schedule = ScheduleKind.Linear };

    public static TrainingOptions Dense(TrainingOptions seed) =>
        seed with { Tokens = seed.Tokens * 2, LearningRate = seed.LearningRate * 2, Schedule = ScheduleKind.Linear };

    /// <summary>A fine-tune's defaults by the size of the model, counted with one feed-forward a layer: half the rate of a seed of that
    /// size, falling to 0, and 5/12 of its tokens, the same for a BTX model and for a dense model that it is compared with.</summary>
    public static TrainingOptions FineTune(LlamaConfig model)
    {
        var seed = SeedOf((model with { Moe = null }).ParameterCount, model.MaxPositionEmbeddings);
        return seed with { Tokens = seed.Tokens * 5 / 12, LearningRate = seed.LearningRate / 2, Schedule = ScheduleKind.Linear };
    }

    /// <summary>An expert's defaults for a model directory: from its run.json, or, for a model made elsewhere, from its size.</summary>
    /// <exception cref="BtxException">run.json cannot be read.</exception>
    public static TrainingOptions ExpertOf(string model, long parameters, int context) =>
        Expert(RunRecord.Load(model)?.Settings is { } settings ? settings with { Sequence = Math.Min(settings.Sequence, context) }
            : SeedOf(parameters, context));

    /// <summary>
    /// An expert's defaults in a forest: the options of its latest round before <paramref name="round"/>, which must not look at itself, or
    /// it could not be resumed; null if there is none. The random seed is no habit of a forest: every expert has its own.
    /// </summary>
    public static TrainingOptions? ExpertIn(string forest, int round)
    {
        var latest = RoundPlan.All(forest).Where(p => p.Experts.Count > 0 && p.Round < round).MaxBy(p => p.Round);
        if (latest is null) return null;
        return latest.Experts.MaxBy(e => e.Options.Tokens)!.Options with { RandomSeed = TrainingOptions.DefaultRandomSeed };
    }

    private static TrainingOptions SeedOf(long parameters, int context) => Seed(
        parameters switch { < 600_000 => "demo", < 4_000_000 => "tiny", < 40_000_000 => "small", _ => "base" }, Math.Min(context, 1024));
}
