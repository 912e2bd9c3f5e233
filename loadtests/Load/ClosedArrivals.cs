namespace Btx.LoadTests.Load;

/// <summary>Closed loop: always so many in flight; the next is due when one has ended.</summary>
public sealed record ClosedArrivals(int Concurrency) : IArrivals
{
    public string Text => $"closed:{Concurrency}";

    public IEnumerable<Arrival> From(long seed)
    {
        while (true) yield return new(null);
    }
}
