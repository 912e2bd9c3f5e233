using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>What a router decided for N tokens. A pair is one (token, expert): number token·k + slot.</summary>
/// <param name="PerToken">k.</param>
/// <param name="Experts">[N·k], the expert of each pair. With k = E they stand in order, expert e in slot e.</param>
/// <param name="Gates">[N, k], the weight of each pair; carries the router's gradient.</param>
/// <param name="Capacity">The most tokens that an expert takes, in the order of the batch; null: all.</param>
internal sealed record ExpertChoice(int PerToken, long[] Experts, Tensor Gates, int? Capacity = null)
{
    /// <summary>The k largest logits of each token, largest first; of equal ones the lower index.</summary>
    /// <param name="logits">[N, E].</param>
    /// <returns>[N·k].</returns>
    public static long[] Largest(Tensor logits, int k)
    {
        using var values = logits.detach().cpu();
        return Largest(values.data<float>().ToArray(), (int)logits.shape[1], k);
    }

    private static long[] Largest(ReadOnlySpan<float> logits, int experts, int k)
    {
        var tokens = logits.Length / experts;
        var chosen = new long[tokens * k];
        for (var n = 0; n < tokens; n++)
        {
            var row = logits.Slice(n * experts, experts);
            var best = chosen.AsSpan(n * k, k);
            for (var e = 0; e < experts; e++)
            {
                var filled = Math.Min(e, k);
                var at = filled;
                while (at > 0 && row[e] > row[(int)best[at - 1]]) at--;
                if (at == k) continue;
                for (var i = Math.Min(filled, k - 1); i > at; i--) best[i] = best[i - 1];
                best[at] = e;
            }
        }

        return chosen;
    }
}
