using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>What <c>run</c> was asked.</summary>
internal sealed record RunRequest
{
    /// <summary>Null: the load goes through <see cref="Http"/>.</summary>
    public required Uri? Grpc { get; init; }

    /// <summary>Where the metrics are, at least; null: they are not read.</summary>
    public required Uri? Http { get; init; }

    public required string? Key { get; init; }

    public required PromptTexts Texts { get; init; }

    public required DomainMix Mix { get; init; }

    public required RoutingChoice Routing { get; init; }

    public required double Temperature { get; init; }

    public required IArrivals Arrivals { get; init; }

    public required ILengths Prompts { get; init; }

    public required ILengths Outputs { get; init; }

    public required LoadBounds Bounds { get; init; }

    public required ServiceObjective? Objective { get; init; }

    public required int Seed { get; init; }

    public string Door => Grpc is null ? "http" : "grpc";

    public IDoor Open() => Grpc is null ? new OpenAiDoor(Http!, Key) : new GrpcDoor(Grpc, Key);

    public LoadDescription Describe() => new(
        Door, $"{Texts.Name}; {Mix.Text}", Lengths(Prompts, a => a.PromptTokens), Lengths(Outputs, a => a.OutputTokens),
            Bounds.WarmUpRequests > 0 ? $"{Bounds.WarmUpRequests} requests" : $"{Bounds.WarmUpSeconds} s",
        string.Join(", ", new[] { Bounds.Seconds is { } s ? $"{s} s" : null, Bounds.Requests is { } n ? $"{n} requests" : null,
            Arrivals is TraceArrivals ? "the trace's end" : null }.OfType<string>()));

    /// <summary>As a sweep's point.</summary>
    public PointSettings Settings(ServedModel served)
    {
        var (concurrency, rate) = Arrivals switch
        {
            ClosedArrivals closed => ((int?)closed.Concurrency, (double?)null),
            PoissonArrivals poisson => (null, poisson.Rate),
            BurstArrivals bursts => (null, bursts.Rate + (bursts.Size / bursts.Period)),
            TraceArrivals trace => (null,
                trace.Recorded.Count / Math.Max(1e-3, (trace.Recorded[^1].Due - trace.Recorded[0].Due)!.Value / trace.Scale)),
            _ => throw new ArgumentException($"unknown arrivals {Arrivals.Text}"),
        };
        var k = Routing.Mode switch
        {
            "top_k" or "moe" => Routing.K,
            "ensemble" => served.Experts.Count,
            "average" or "expert" => 1,
            _ => null
        };
        return new(Routing.Mode, k, concurrency is null ? "open" : "closed", concurrency, rate, served.Precision ?? PointSettings.Unknown,
            new Dictionary<string, string>());
    }

    // A trace's own lengths come before those that are drawn.
    private string Lengths(ILengths drawn, Func<Arrival, int?> recorded)
    {
        if (Arrivals is not TraceArrivals trace || trace.Recorded.All(a => recorded(a) is null)) return drawn.Text;
        return trace.Recorded.All(a => recorded(a) is not null) ? $"trace:{trace.File}"
            : $"trace:{trace.File}, or {drawn.Text} where it says none";
    }
}
