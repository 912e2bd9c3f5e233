namespace Btx.LoadTests.Load;

/// <summary>Reads <c>closed:8</c>, <c>poisson:4.5</c>, <c>bursts:2,16,10</c>, <c>trace:FILE</c> and <c>trace:FILE,SCALE</c>.</summary>
public static class ArrivalsReader
{
    public const string Forms = "closed:N, poisson:RATE, bursts:RATE,SIZE,PERIOD or trace:FILE[,SCALE]";

    /// <summary>Requests in flight, and requests due a second, of which this program on one machine could still be the client.</summary>
    public const int MostInFlight = 10_000, MostPerSecond = 100_000;

    /// <exception cref="LoadTestException">None of these, or a number out of range.</exception>
    public static IArrivals Read(string option, string text)
    {
        var spec = new Specification(option, text, Forms);
        IArrivals arrivals = spec.Kind switch
        {
            "closed" when spec.Has(1) => new ClosedArrivals(spec.Whole(0, "requests in flight", 1, MostInFlight)),
            "poisson" when spec.Has(1) => new PoissonArrivals(spec.Number(0, "requests a second", 0)),
            "bursts" when spec.Has(3) => new BurstArrivals(spec.Number(0, "requests a second between bursts", 0, orEqual: true),
                spec.Whole(1, "requests a burst", 1), spec.Number(2, "seconds from burst to burst", 0)),
            "trace" when spec.Has(1) => new TraceArrivals(spec.Part(0), TraceFile.Read(spec.Part(0))),
            "trace" when spec.Has(2) => new TraceArrivals(spec.Part(0), TraceFile.Read(spec.Part(0)),
                spec.Number(1, "how many times as fast", 0)),
            _ => throw spec.Unknown(),
        };
        var rate = arrivals is PoissonArrivals poisson ? poisson.Rate
            : arrivals is BurstArrivals bursts ? bursts.Rate + (bursts.Size / bursts.Period) : 0;
        return rate <= MostPerSecond ? arrivals : throw spec.Fault($"{rate:0} requests a second; one client sends {MostPerSecond} at most");
    }
}
