namespace Btx.Exporter.Checking;

/// <summary>The tokens of the self-check: drawn from the whole vocabulary by a fixed recurrence, so a check can be repeated.</summary>
internal static class CheckPlan
{
    public const int MaxTokens = 24;

    /// <summary>At most <see cref="MaxTokens"/> ids, fewer if the context is shorter.</summary>
    public static int[] Tokens(int vocabulary, int context)
    {
        var tokens = new int[Math.Min(MaxTokens, context)];
        ulong state = 0x9E3779B97F4A7C15;
        for (var i = 0; i < tokens.Length; i++)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            tokens[i] = (int)((state >> 33) % (ulong)vocabulary);
        }

        return tokens;
    }
}
