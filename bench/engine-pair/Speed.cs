namespace Btx.Bench.Engine;

/// <summary>What a run took: wall time says what a user sees, processor time what it costs whatever else the machine does.</summary>
internal readonly record struct Speed(double TokensPerSecond, double CpuMicroseconds)
{
    /// <summary>The medians of each.</summary>
    public static Speed Median(IReadOnlyCollection<Speed> runs) => new(
        runs.Select(r => r.TokensPerSecond).Order().ElementAt(runs.Count / 2),
            runs.Select(r => r.CpuMicroseconds).Order().ElementAt(runs.Count / 2));

    public override string ToString() => $"{TokensPerSecond:F0} tokens/s ({CpuMicroseconds:F0} µs of processor a token)";
}
