using System.Globalization;

namespace Btx.Trainer.Phases;

/// <summary>Follows a run's validation: remarks when it rises, and, with patience, has the best weights kept and the run stopped. All that
/// it knows is in <see cref="Best"/>, so a run that is resumed decides as one that was never interrupted.</summary>
/// <param name="patience">Validations in a row without a new best after which the run stops; 0: it only watches.</param>
internal sealed class ValidationWatch(int patience, long tokensPerStep, Action<string>? warn)
{
    /// <summary>Validation windows per text source where validation decides; fixed, because they decide the weights.</summary>
    public const int Windows = 64;

    /// <summary>The default patience: two passes, as validations are half a pass apart.</summary>
    public const int DefaultPatience = 4;

    private const double Rise = 1.01;
    private bool remarked;

    public BestValidation? Best { get; set; }

    /// <summary>Whether validation decides when the run ends.</summary>
    public bool Decides => patience > 0;

    public bool Exhausted => Decides && Best?.Since >= patience;

    /// <summary>Steps between validations where they decide: half a pass, at least a quarter of the run's, and no more than an eighth of
    /// the work.</summary>
    public static long Interval(TrainingOptions options, long textTokens, long validationTokens) =>
        Math.Max(1, Math.Min(options.Steps / 4, Math.Max(textTokens / 2, 8 * validationTokens) / options.TokensPerStep));

    /// <returns>Whether it is the lowest so far.</returns>
    public bool Note(long step, double bits)
    {
        if (Best is null || bits < Best.BitsPerByte)
        {
            Best = new BestValidation(step, bits, 0);
            return true;
        }

        Best = Best with { Since = Best.Since + 1 };
        if (remarked || !(bits > Rise * Best.BitsPerByte)) return false;
        remarked = true;
        warn?.Invoke($"warning: validation rises, from {Bits(Best.BitsPerByte)} bits/byte after {Tokens(Best.Step)} to {Bits(bits)} "
            + $"after {Tokens(step)}: the model learns its text by heart"
            + (Decides ? "" : "; more text, fewer --tokens, or no --no-early-stop"));
        return false;
    }

    /// <summary>What became of the run, in one line; null if it went to its end and ended best.</summary>
    public string? Outcome(long step, long steps)
    {
        if (!Decides || Best is null || Best.Step == step) return null;
        return $"{(step < steps ? $"stopped after {Tokens(step)} of {Tokens(steps)}" : $"trained on {Tokens(step)}")}; kept are the "
            + $"weights after {Tokens(Best.Step)}, best on validation with {Bits(Best.BitsPerByte)} bits/byte";
    }

    private string Tokens(long step) => Quantity.WithUnit(step * tokensPerStep, "tokens");

    private static string Bits(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
}

/// <summary>The lowest validation of a run so far, the steps then finished, and how many validations since were no lower.</summary>
public sealed record BestValidation(long Step, double BitsPerByte, int Since);

/// <summary>How a run ended whose end validation decided: what it was given, how far it went, and what the weights that were kept had been
/// trained on.</summary>
public sealed record EarlyStop(long Budget, long Stopped, long Kept, double BitsPerByte);
