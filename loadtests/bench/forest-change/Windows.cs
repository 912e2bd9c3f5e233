namespace Btx.Bench.Change;

/// <summary>Gaps between tokens before, during and after a change, in ms: median and 99th percentile
/// before it, and the worst of each window.</summary>
/// <param name="P99During">From the beginning of the build to the end of the background work.</param>
internal sealed record Windows(double Median, double P99, double Before, double Build, double Swap, double Background, double After,
    double P99During)
{
    public double Worst => Math.Max(Build, Math.Max(Swap, Background));

    /// <summary>Worst during the change / median before it.</summary>
    public double Ratio => Worst / Median;

    /// <param name="marks">Ends of the windows: timestamps.</param>
    public static Windows Of(IReadOnlyCollection<Gap> gaps, long[] marks)
    {
        List<double>[] windows = [.. Enumerable.Range(0, marks.Length - 1)
            .Select(w => gaps.Where(g => g.At > marks[w] && g.At <= marks[w + 1]).Select(g => g.Milliseconds).ToList())];
        return new Windows(
            Quantile(windows[0], 0.5), Quantile(windows[0], 0.99), Quantile(windows[0], 1), Quantile(windows[1], 1),
                Quantile(windows[2], 1), Quantile(windows[3], 1), Quantile(windows[4], 1),
            Quantile([.. windows[1], .. windows[2], .. windows[3]], 0.99));
    }

    /// <summary>0 of nothing.</summary>
    public static double Quantile(IReadOnlyCollection<double> values, double q) => values.Count == 0 ? 0
        : values.Order().ElementAt((int)Math.Min(values.Count - 1, Math.Floor(q * values.Count)));
}
