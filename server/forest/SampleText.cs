using Btx.Model;
using Btx.Model.Mixing;
using Btx.Model.Tokens;

namespace Btx.Forest;

/// <summary>Text of a domain as sequences for a cached prior: windows of equal length, spread evenly, each
/// starting on a token that is not predicted.</summary>
internal static class SampleText
{
    /// <summary>Predicted tokens of a sequence, where there is enough text.</summary>
    public const int Longest = 128;

    /// <summary>Less says too little about a domain.</summary>
    public const int Shortest = 16;

    /// <param name="what">Named in errors.</param>
    /// <param name="context">Longest sequence that the forest takes, in tokens.</param>
    /// <returns>At most <see cref="CachedPrior.Sequences"/> of up to <see cref="Longest"/> + 1 tokens.</returns>
    /// <exception cref="BtxException">The text is too short.</exception>
    public static IReadOnlyList<int[]> Sequences(string text, string what, TextTokenizer tokenizer, int context)
    {
        var tokens = tokenizer.Encode(text);
        var longest = Math.Min(Longest, context - 1);
        var least = Math.Min(Shortest, longest);
        if (tokens.Length <= least)
            throw new BtxException(
                $"{what}: the sample text has {tokens.Length} tokens; "
                + $"give more than {least}, better {CachedPrior.Sequences * Longest}")
            { Kind = ErrorKind.Precondition };
        var length = Math.Clamp((tokens.Length - 1) / CachedPrior.Sequences, least, longest);
        var available = (tokens.Length - 1) / length;
        var count = Math.Min(CachedPrior.Sequences, available);
        return [.. Enumerable.Range(0, count).Select(i => (int)((long)i * available / count) * length)
            .Select(at => tokens[at..(at + length + 1)])];
    }
}
