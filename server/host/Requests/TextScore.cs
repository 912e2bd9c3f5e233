using Btx.Model.Tokens;

namespace Btx.Server.Requests;

/// <summary>One reading of a part of a long text: tokens Start … End − 1 are read, those from First on are scored. Each holds a whole
/// context and ends <c>stride</c> tokens after the one before; so every token but the very first is scored once, from all tokens before it
/// in the first window and from at least context − stride of them in the others.</summary>
internal readonly record struct ScoreWindow(int Start, int End, int First)
{
    /// <param name="tokens">Of the text, at least 2.</param>
    /// <param name="context">Tokens of a window at most, at least 2.</param>
    /// <param name="stride">1 to context − 1.</param>
    public static IReadOnlyList<ScoreWindow> Over(int tokens, int context, int stride)
    {
        var windows = new List<ScoreWindow> { new(0, Math.Min(tokens, context), 1) };
        while (windows[^1].End < tokens)
        {
            var end = Math.Min(tokens, windows[^1].End + stride);
            windows.Add(new(end - context, end, windows[^1].End));
        }

        return windows;
    }

    /// <summary>How many windows <see cref="Over"/> gives, and how many tokens they read in all.</summary>
    public static (long Windows, long Tokens) Cost(int tokens, int context, int stride)
    {
        var more = Math.Max(0, ((long)tokens - context + stride - 1) / stride);
        return (1 + more, Math.Min(tokens, context) + (more * context));
    }

    /// <summary>What all windows say together.</summary>
    /// <exception cref="RequestRejectedException">The forest changed between two of them.</exception>
    public static ScoreResult Join(IReadOnlyList<ScoreWindow> windows, IReadOnlyList<ScoreResult> results)
    {
        if (results.Count == 1) return results[0];
        var first = results[0];
        if (results.Any(r => r.Removed.Count > 0 || !IsSame(r.Forest, first.Forest)))
            throw new RequestRejectedException(ErrorKind.Conflict, "the forest changed while the text was scored; score it again");
        T[] All<T>(Func<ScoreResult, T[]> of) =>
            [.. results.SelectMany((result, w) => of(result).Skip(windows[w].First - windows[w].Start - 1))];
        return new(
            All(r => r.LogProbs),
            [.. first.ExpertLogProbs.Select((expert, j) => expert is null ? null : All(r => r.ExpertLogProbs[j]!))],
            [.. first.Posterior.Select((_, j) => All(r => r.Posterior[j]))],
            first.Gates is null ? null : All(r => r.Gates!))
        {
            Forest = first.Forest,
            Top = All(r => r.Top.ToArray()),
        };
    }

    private static bool IsSame(ForestDescription? one, ForestDescription? other) =>
        one?.ForestSha256 == other?.ForestSha256 && one?.Moe?.Sha256 == other?.Moe?.Sha256
        && (one?.Experts ?? []).SequenceEqual(other?.Experts ?? []);
}

/// <param name="Tokens">The n ids that were scored, beginning-of-text included where the tokenizer asks for it.</param>
/// <param name="Result">Arrays of n − 1: entry i belongs to predicting tokens[i + 1].</param>
/// <param name="Windows">How the text was read; one, unless it is longer than the context.</param>
internal sealed record TextScore(int[] Tokens, ScoreResult Result, IReadOnlyList<ScoreWindow> Windows);

/// <summary>Where tokens begin in the text that they make, in characters (Unicode code points, what Python counts): a token that goes on
/// with a character begins where that character does; a control token has no text and begins where it stands. For one stream.</summary>
internal sealed class TokenOffsets(TextTokenizer tokenizer)
{
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private int _written;

    /// <summary>The beginning of the next token.</summary>
    public int Push(int id)
    {
        var offset = _written + (_decoder.IsBrokenBy(id) ? 1 : 0); // what was unfinished has become U+FFFD
        _written += _decoder.Push(id).EnumerateRunes().Count();
        return offset;
    }
}
