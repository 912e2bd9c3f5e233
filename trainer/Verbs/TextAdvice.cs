namespace Btx.Trainer.Verbs;

/// <summary>What suits a body of text: size of the vocabulary, size of the network, how long to train.</summary>
internal sealed record TextAdvice(int VocabularySize, long Tokens)
{
    /// <summary>The largest network whose usual budget the text fills within <see cref="TextPasses.Sensible"/> passes.</summary>
    public string Preset => Presets.Names.Reverse().FirstOrDefault(p => PhaseDefaults.Seed(p, 1).Tokens <= TextPasses.Sensible * Tokens,
        Presets.Names[0]);

    /// <summary>Training tokens of that network.</summary>
    public long Budget => TextPasses.Budget(PhaseDefaults.Seed(Preset, 1).Tokens, Tokens);

    /// <summary>By estimate, before there is a tokenizer; null without text to train on.</summary>
    public static TextAdvice? Of(IEnumerable<CorpusDomain> domains)
    {
        var bytes = domains.Where(d => d.Role == CorpusRole.Train).Sum(d => d.Train.Bytes);
        if (bytes == 0) return null;
        var size = VocabularyFor(bytes);
        // English prose; code and other languages have more tokens
        return new TextAdvice(size, (long)(bytes / (2.0 + (0.4 * Math.Log2(size / 512.0)))));
    }

    /// <summary>A vocabulary whose tokens are each seen often enough to be learned.</summary>
    public static int VocabularyFor(long bytes) => bytes switch
    {
        < 300_000 => 512,
        < 1_500_000 => 1024,
        < 12_000_000 => 2048,
        < 50_000_000 => 4096,
        < 200_000_000 => 8192,
        < 1_000_000_000 => 16_384,
        _ => 32_768,
    };

    /// <summary>The next commands.</summary>
    public IEnumerable<string> Lines(string corpus)
    {
        yield return $"about {Quantity.WithUnit(Tokens, "tokens")} to train on, with a vocabulary of {VocabularySize}; next:";
        yield return $"  btx tokenizer train --corpus {corpus} --vocab-size {VocabularySize} --out tokenizer";
        yield return $"  {Seed(corpus, "tokenizer")}";
    }

    /// <summary>How to train a seed on it, in one line.</summary>
    public string Seed(string corpus, string tokenizer) =>
        $"btx train seed --corpus {corpus} --tokenizer {tokenizer} --preset {Preset} --out seed   # --tokens "
            + $"{Quantity.Short(Budget).Replace(" ", "")} by default, {(double)Budget / Tokens:0.0} passes over the text";
}
