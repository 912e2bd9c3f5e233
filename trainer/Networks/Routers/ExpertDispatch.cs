namespace Btx.Trainer.Networks.Routers;

/// <summary>Pairs brought into the order of their experts, each expert's in the order of the batch; refused pairs stand last.</summary>
internal sealed class ExpertDispatch
{
    /// <param name="pairExperts">[P], the expert of each pair.</param>
    /// <param name="experts">E.</param>
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

    /// <summary>[P], the pair at each position.</summary>
    public long[] Order { get; }

    /// <summary>[E], how many pairs each expert takes.</summary>
    public int[] Counts { get; }

    /// <summary>[E], how many it refuses.</summary>
    public int[] Refused { get; }

    /// <summary>Sum of <see cref="Counts"/>.</summary>
    public int Taken { get; }
}
