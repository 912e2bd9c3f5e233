namespace Btx.Exporter.Checking;

/// <summary>The tokens of the self-check: drawn from the whole vocabulary by a fixed recurrence, so a check can be repeated.</summary>
internal static class CheckPlan
{
    public const int MaxTokens = 24;

    // Routing that hangs on a hair is replaced so often; what remains is compared as it is.
    private const int MaxDraws = 12;

    /// <summary>At most <see cref="MaxTokens"/> ids, fewer if the context is shorter.</summary>
    public static int[] Tokens(int vocabulary, int context)
    {
        var tokens = new int[Math.Min(MaxTokens, context)];
        ulong state = 0x9E3779B97F4A7C15;
        for (var i = 0; i < tokens.Length; i++) tokens[i] = Draw(ref state, vocabulary);
        return tokens;
    }

    /// <summary>
    /// Runs the reference. A token whose router logits are so close that rounding alone may choose another expert is replaced by
    /// another: there the graph's choice is as right as the reference's, and nothing after it can be compared.
    /// </summary>
    /// <param name="k">Experts of the token at a position.</param>
    /// <param name="margin">See <see cref="PlainRun.Margins"/>.</param>
    public static PlainRun Run(PlainMixtral reference, int vocabulary, int context, Func<int, int> k, double margin,
        CancellationToken cancellation)
    {
        var tokens = Tokens(vocabulary, context);
        int[] experts = [.. Enumerable.Range(0, tokens.Length).Select(k)];
        ulong state = 0xD1B54A32D192ED03;
        for (var draw = 1; ; draw++)
        {
            var run = reference.Run(tokens, experts, cancellation);
            if (draw == MaxDraws || run.Margins.All(m => m >= margin)) return run;
            for (var t = 0; t < tokens.Length; t++)
            {
                if (run.Margins[t] < margin) tokens[t] = Draw(ref state, vocabulary);
            }
        }
    }

    private static int Draw(ref ulong state, int vocabulary)
    {
        state = (state * 6364136223846793005) + 1442695040888963407;
        return (int)((state >> 33) % (ulong)vocabulary);
    }
}
