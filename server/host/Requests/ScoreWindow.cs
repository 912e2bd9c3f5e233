using Btx.Engine;
using Btx.Engine.Requests;

namespace Btx.Server.Requests;

/// <summary>
/// One reading of a part of a text that is longer than the context: tokens Start … End − 1 are read, those from First on are scored. Every
/// window but a short text's only one holds a whole context and ends <c>stride</c> tokens after the one before, the last at the text's end;
/// so every token but the very first is scored exactly once, from all tokens before it in the first window and from at least context −
/// stride of them in the others.
/// </summary>
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

    /// <summary>What all windows say together.</summary>
    /// <exception cref="RequestRejectedException">The forest changed between two of them.</exception>
    public static ScoreResult Join(IReadOnlyList<ScoreWindow> windows, IReadOnlyList<ScoreResult> results)
    {
        if (results.Count == 1) return results[0];
        var first = results[0];
        if (results.Any(r => r.Removed.Count > 0 || !IsSame(r.Forest, first.Forest)))
            throw new RequestRejectedException(RejectionReason.Aborted, "the forest changed while the text was scored; score it again");
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
