namespace Btx.LoadTests.Load;

/// <summary>Open loop: independent of each other and of the answers, so many a second on average.</summary>
public sealed record PoissonArrivals(double Rate) : IArrivals
{
    public string Text => FormattableString.Invariant($"poisson:{Rate}");

    public IEnumerable<Arrival> From(long seed)
    {
        var draws = new Draws(seed, Draws.Arrivals);
        for (var due = 0.0; ;) yield return new(due += draws.Exponential() / Rate);
    }
}
