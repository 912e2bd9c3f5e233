using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>What a router decided for N tokens, each given to k experts. A pair is one (token, expert): number token·k + slot.</summary>
/// <param name="Experts">[N·k], the expert of each pair. With k = E they stand in order, expert e in slot e.</param>
/// <param name="Gates">[N, k], the weight of each pair; carries the router's gradient.</param>
/// <param name="Capacity">The most tokens that an expert takes, in the order of the batch; null: all.</param>
internal sealed record ExpertChoice(int PerToken, long[] Experts, Tensor Gates, int? Capacity = null)
{
    /// <summary>The k largest logits [N, E] of each token, largest first, of equal ones the lower index: [N·k].</summary>
    public static long[] Largest(Tensor logits, int k)
    {
        using var copy = logits.detach().cpu();
        var values = copy.data<float>().ToArray();
        int tokens = (int)logits.shape[0], experts = (int)logits.shape[1];
        var chosen = new long[tokens * k];
        for (var n = 0; n < tokens; n++)
        {
            var row = values.AsSpan(n * experts, experts);
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

/// <summary>Pairs brought into the order of their experts, each expert's in the order of the batch; refused pairs stand last.</summary>
internal sealed class ExpertDispatch
{
    /// <param name="pairExperts">[P], the expert of each pair.</param>
    /// <param name="capacity">An expert takes so many pairs and refuses the rest.</param>
    public ExpertDispatch(ReadOnlySpan<long> pairExperts, int experts, int capacity = int.MaxValue)
    {
        var wanted = new int[experts];
        foreach (var e in pairExperts) wanted[e]++;
        Counts = new int[experts];
        Refused = new int[experts];
        var next = new int[experts];
        for (int e = 0, start = 0; e < experts; start += Counts[e++])
        {
            next[e] = start;
            Counts[e] = Math.Min(wanted[e], capacity);
            Refused[e] = wanted[e] - Counts[e];
            Taken += Counts[e];
        }

        Order = new long[pairExperts.Length];
        var taken = new int[experts];
        var last = Taken;
        for (var pair = 0; pair < pairExperts.Length; pair++)
        {
            var e = pairExperts[pair];
            Order[taken[e]++ < Counts[e] ? next[e]++ : last++] = pair;
        }
    }

    public long[] Order { get; } // [P], the pair at each position
    public int[] Counts { get; } // [E], how many pairs each expert takes
    public int[] Refused { get; } // [E], how many it refuses
    public int Taken { get; } // sum of Counts
}
