using Btx.Cli;
namespace Btx.LoadTests.Costs;

/// <summary>Where a load curve bends.</summary>
public static class KneeFinding
{
    // Of the unit square: a throughput that grows in proportion to the load lies on its diagonal.
    private const double Bend = 0.1;

    /// <summary>
    /// Open loop: the knee lies between the last rate that is sustained and the first that is not, or at which the objective is
    /// missed. Its place between them is the throughput
    /// that was achieved beyond it.
    /// </summary>
    /// <param name="points">In ascending order of load.</param>
    /// <param name="missed">Names of the points that miss the objective.</param>
    public static (Knee? Knee, string Finding) Open(IReadOnlyList<LoadCurvePoint> points, IReadOnlySet<string> missed)
    {
        var first = points.TakeWhile(p => !p.Saturated && !missed.Contains(p.Name)).Count();
        if (first == points.Count)
            return (null, $"not saturated up to {Quantity.Figures(points[^1].Load)} requests/s: "
                + $"{Quantity.Percent(points[^1].RequestsPerSecond.Value / points[^1].Load)} of what was offered is served");
        var beyond = points[first];
        double low = first > 0 ? points[first - 1].Load : 0, high = beyond.Load;
        var objective = !beyond.Saturated;
        var load = objective ? (low + high) / 2
            : Math.Clamp(points.Skip(first).Where(p => p.Saturated).Max(p => p.RequestsPerSecond.Value), low, high);
        var method = objective ? "first rate that misses the objective" : "first rate of which less than 95 % is served";
        var knee = new Knee(load, low, high, Math.Min(load, beyond.RequestsPerSecond.Value), method);
        var reason = objective ? "the objective is missed" : $"{Quantity.Percent(beyond.RequestsPerSecond.Value / beyond.Load)} is served";
        var between = first > 0 ? $"between {Quantity.Figures(low)} and {Quantity.Figures(high)}"
            : $"below {Quantity.Figures(high)}, the lowest rate measured,";
        return (knee, $"the knee lies {between} requests/s (about {Quantity.Figures(load)}): at {Quantity.Figures(high)} {reason}");
    }

    /// <summary>Closed loop: the point farthest above the line from the first to the last one, in the unit square (Kneedle: Satopaa
    /// et al. 2011). Three points at least.</summary>
    /// <param name="points">In ascending order of load.</param>
    public static (Knee? Knee, string Finding) Closed(IReadOnlyList<LoadCurvePoint> points)
    {
        if (points.Count < 3) return (null, "two loads do not show a knee");
        double width = points[^1].Load - points[0].Load, lowest = points.Min(p => p.TokensPerSecond.Value),
            height = points.Max(p => p.TokensPerSecond.Value) - lowest;
        if (height < 0.05 * lowest)
            return (new(points[0].Load, 0, points[1].Load, points[0].RequestsPerSecond.Value,
                Kneedle), $"throughput is the same from {points[0].Load} request in flight on: saturated by the first");
        var heights = points.Select(p => ((p.TokensPerSecond.Value - lowest) / height) - ((p.Load - points[0].Load) / width)).ToArray();
        var at = Enumerable.Range(0, heights.Length).MaxBy(i => heights[i]);
        if (heights[at] < Bend)
            return (null, $"throughput still grows in proportion at {points[^1].Load} requests in flight: no knee was reached");
        var knee = new Knee(points[at].Load, at > 0 ? points[at - 1].Load : 0,
            at + 1 < points.Count ? points[at + 1].Load : points[at].Load, points[at].RequestsPerSecond.Value, Kneedle);
        return (knee, $"the knee is at {Quantity.Figures(knee.Load)} requests in flight (neighbours {Quantity.Figures(knee.Low)} and "
            + $"{Quantity.Figures(knee.High)}), {Quantity.Figures(points[at].TokensPerSecond.Value)} tokens/s");
    }

    private const string Kneedle = "farthest above the line from the first to the last point (Kneedle)";
}
