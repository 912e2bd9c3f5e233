namespace Btx.Model.Mixing;

/// <summary>Chooses the experts that run: pure functions of the posterior.</summary>
public static class ActiveSet
{
    /// <summary>Extra mass that a member may lose before <see cref="TopP"/> drops it, against changes back
    /// and forth.</summary>
    public const double Hysteresis = 0.05;

    /// <summary>Marks the k largest weights; ties go to the lower index.</summary>
    public static void TopK(ReadOnlySpan<double> weights, int k, Span<bool> active)
    {
        active.Clear();
        for (var n = 0; n < k; n++) active[Largest(weights, active)] = true;
    }

    /// <summary>Index of the largest weight; ties go to the lower index.</summary>
    public static int Largest(ReadOnlySpan<double> weights) => Largest(weights, []);

    /// <summary>
    /// Marks the smallest set whose mass reaches p. With a previous set, that set stays as long as its mass is at least
    /// p − <see cref="Hysteresis"/> and no smaller set reaches p + <see cref="Hysteresis"/>.
    /// </summary>
    /// <param name="active">In: the previous set, or all false. Out: the new one.</param>
    public static void TopP(ReadOnlySpan<double> weights, double p, Span<bool> active)
    {
        var previous = 0;
        var mass = 0.0;
        for (var j = 0; j < weights.Length; j++)
        {
            if (!active[j]) continue;
            previous++;
            mass += weights[j];
        }

        Span<bool> fresh = weights.Length <= 256 ? stackalloc bool[weights.Length] : new bool[weights.Length];
        if (previous > 0 && mass >= p - Hysteresis && Smallest(weights, Math.Min(1, p + Hysteresis), fresh) >= previous) return;
        Smallest(weights, p, active);
    }

    private static int Smallest(ReadOnlySpan<double> weights, double p, Span<bool> active)
    {
        active.Clear();
        var mass = 0.0;
        var n = 0;
        while (n < weights.Length && (n == 0 || mass < p - 1e-12))
        {
            var j = Largest(weights, active);
            active[j] = true;
            mass += weights[j];
            n++;
        }

        return n;
    }

    private static int Largest(ReadOnlySpan<double> weights, ReadOnlySpan<bool> taken)
    {
        var best = -1;
        for (var j = 0; j < weights.Length; j++)
            if ((taken.IsEmpty || !taken[j]) && (best < 0 || weights[j] > weights[best])) best = j;

        return best;
    }
}
