using System.Globalization;
using Btx.Trainer.Networks;
using Btx.Trainer.Phases;
using Btx.Trainer.Terminal;

namespace Btx.Trainer.Verbs;

/// <summary>What suits a body of text: size of the vocabulary, size of the network, how long to train.</summary>
internal static class TextAdvice
{
    /// <summary>A vocabulary of which each token is seen often enough to be learned; the demo's 6 MB give 2,048.</summary>
    public static int VocabularySize(long bytes) => bytes switch
    {
        < 300_000 => 512,
        < 1_500_000 => 1024,
        < 12_000_000 => 2048,
        < 50_000_000 => 4096,
        < 200_000_000 => 8192,
        < 1_000_000_000 => 16_384,
        _ => 32_768,
    };

    /// <summary>About how many tokens of the suggested vocabulary a text has: measured on the corpora of the full set, a byte-level vocabulary twice as large gains about 0.4 bytes a token.</summary>
    public static long Tokens(long bytes, int vocabularySize) => (long)(bytes / (2.0 + (0.4 * Math.Log2(vocabularySize / 512.0))));

    /// <summary>The largest network whose budget the text fills within <see cref="TextPasses.Sensible"/> passes.</summary>
    public static string Preset(long tokens) =>
        Presets.Names.Reverse().FirstOrDefault(p => PhaseDefaults.Seed(p, 1).Tokens <= TextPasses.Sensible * tokens, Presets.Names[0]);

    /// <summary>For the reader of <c>btx corpus</c> and <c>btx tokenizer</c>, in one line.</summary>
    public static string Budget(long tokens)
    {
        var preset = Preset(tokens);
        var budget = TextPasses.Budget(PhaseDefaults.Seed(preset, 1).Tokens, tokens);
        return string.Create(CultureInfo.InvariantCulture, $"--preset {preset} --tokens {Quantity.Compact(budget)} ({(double)budget / tokens:0.##} passes over the text; the default of --tokens)");
    }
}
