namespace Btx.LoadTests.Load;

/// <summary>Open loop: Poisson arrivals, and every period a burst that is due at once. The first burst is due after one period.</summary>
/// <param name="Rate">Of the Poisson arrivals a second; 0: bursts alone.</param>
/// <param name="Period">Seconds.</param>
public sealed record BurstArrivals(double Rate, int Size, double Period) : IArrivals
{
    public string Text => FormattableString.Invariant($"bursts:{Rate},{Size},{Period}");

    public IEnumerable<Arrival> From(long seed)
    {
        using var steady = Rate > 0 ? new PoissonArrivals(Rate).From(seed).GetEnumerator() : null;
        steady?.MoveNext();
        for (var burst = 1L; ; burst++)
        {
            var at = burst * Period;
            for (; steady?.Current.Due < at; steady.MoveNext()) yield return steady.Current;
            for (var i = 0; i < Size; i++) yield return new(at);
        }
    }
}
