namespace Btx.LoadTests.Load;

/// <summary>The order in which requests come.</summary>
public interface IArrivals
{
    /// <summary>As the command line says it.</summary>
    string Text { get; }

    /// <summary>In order of time; without end, except of a trace.</summary>
    IEnumerable<Arrival> From(long seed);
}

/// <summary>When a request is due, and what a trace says of it.</summary>
/// <param name="Due">Seconds since the load began; null: as soon as another has ended (closed loop).</param>
/// <param name="Domain">Null: by the domain mix; so for the lengths.</param>
public readonly record struct Arrival(double? Due, int? PromptTokens = null, int? OutputTokens = null, string? Domain = null);

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

/// <summary>Closed loop: always so many in flight; the next is due when one has ended.</summary>
public sealed record ClosedArrivals(int Concurrency) : IArrivals
{
    public string Text => $"closed:{Concurrency}";

    public IEnumerable<Arrival> From(long seed)
    {
        while (true) yield return new(null);
    }
}

/// <summary>Open loop: independent of each other and of the answers, so many a second on average.</summary>
public sealed record PoissonArrivals(double Rate) : IArrivals
{
    public string Text => FormattableString.Invariant($"poisson:{Rate}");

    public IEnumerable<Arrival> From(long seed)
    {
        var draws = new RandomStream(seed, RandomStream.Arrivals);
        for (var due = 0.0; ;) yield return new(due += draws.Exponential() / Rate);
    }
}

/// <summary>Open loop: what a trace recorded, from its first arrival on, faster or slower.</summary>
/// <param name="File">For messages.</param>
/// <param name="Scale">2: twice as fast.</param>
public sealed record TraceArrivals(string File, IReadOnlyList<Arrival> Recorded, double Scale = 1) : IArrivals
{
    public string Text => FormattableString.Invariant($"trace:{File},{Scale}");

    public IEnumerable<Arrival> From(long seed)
    {
        var first = Recorded[0].Due!.Value;
        return Recorded.Select(a => a with { Due = (a.Due - first) / Scale });
    }
}
