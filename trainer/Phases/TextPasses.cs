using System.Globalization;
using Btx.Cli;

namespace Btx.Trainer.Phases;

/// <summary>
/// How often a run goes over its text. Repeated text teaches less each time, and a small model of a small text learns it by heart.
/// </summary>
/// <param name="Text">Training tokens by source.</param>
/// <param name="Weights">Share of the windows by source; null: each the same.</param>
public sealed record TextPasses(IReadOnlyList<(string Name, long Tokens)> Text, IReadOnlyList<double>? Weights)
{
    /// <summary>Passes that the default of <c>--tokens</c> does not exceed: docs/training.md shows where validation turns.</summary>
    public const double Sensible = 8;

    /// <summary>Passes from which on the user is warned.</summary>
    public const double Many = 10;

    /// <summary>Tokens of all the text.</summary>
    public long Tokens => Text.Sum(t => t.Tokens);

    /// <summary>The default budget: what suits the size of the network, and at most <see cref="Sensible"/> passes.</summary>
    /// <param name="usual">What suits the network.</param>
    /// <param name="text">Tokens of the text.</param>
    public static long Budget(long usual, long text) => (long)Math.Clamp(Sensible * text, 1, usual);

    /// <summary>Passes over all the text.</summary>
    public double Of(long trained) => (double)trained / Math.Max(1, Tokens);

    /// <summary>What a run begins with, as lines; a source that is repeated often is named.</summary>
    public IEnumerable<string> Lines(TrainingOptions options, int context)
    {
        var passes = Of(options.Tokens);
        yield return $"text: {Quantity.WithUnit(Tokens, "tokens")}; {Quantity.WithUnit(options.Tokens, "tokens")} to train on are "
            + $"{Number(passes)} passes; "
            + $"windows of {options.Sequence}, context {context} tokens: the longest prompt and answer together (--context)";
        var often = Text.Select((t, i) => (t.Name, Passes: options.Tokens * Share(i) / Math.Max(1, t.Tokens)))
            .Where(t => t.Passes > Many).ToArray();
        if (often.Length == 0) yield break;
        var named = Text.Count == 1 ? $"{Number(passes)} passes over the text"
            : string.Join(", ", often.Take(5).Select(t => $"{Number(t.Passes)} passes over {t.Name}"));
        yield return $"warning: {named}: past about {Number(Sensible)} the model learns its text by heart and gets worse on other "
            + "text; give it more text or fewer --tokens"
            + (options.Patience > 0 ? ", or leave it to the early stop" : "");
    }

    private double Share(int source) => Weights is null ? 1.0 / Text.Count : Weights[source] / Weights.Sum();

    private static string Number(double value) => value.ToString(value < 9.95 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
