using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Changes;

/// <summary>What the clients of a load saw, in slices of its time. A gap counts where it ended.</summary>
internal static class GapWindows
{
    /// <param name="seconds">Length of the load.</param>
    /// <param name="slice">Seconds of a window; the last one may be shorter.</param>
    public static IReadOnlyList<ChangeTimeline.Window> Of(IReadOnlyCollection<RequestRecord> records, double seconds, double slice)
    {
        var count = Math.Max(1, (int)Math.Ceiling((seconds / slice) - 1e-9));
        var gaps = Enumerable.Range(0, count).Select(_ => new List<double>()).ToArray();
        var (tokens, failed) = (new int[count], new int[count]);
        int At(double time) => Math.Clamp((int)(time / slice), 0, count - 1);
        foreach (var record in records)
        {
            if (!record.Ok) failed[At(record.End ?? record.Sent)]++;
            if (record.FirstToken is not { } time) continue;
            tokens[At(time)]++;
            foreach (var gap in record.Gaps)
            {
                time += gap;
                tokens[At(time)]++;
                gaps[At(time)].Add(gap);
            }
        }

        return
        [
            .. Enumerable.Range(0, count).Select(w =>
            {
                double[] ordered = [.. gaps[w].Order()];
                var (from, to) = (w * slice, Math.Min(seconds, (w + 1) * slice));
                var any = ordered.Length > 0;
                return new ChangeTimeline.Window(from, to, any ? Quantile.Value(ordered, 0.5) : null,
                    any ? Quantile.Value(ordered, 0.99) : null, any ? ordered[^1] : null, tokens[w] / Math.Max(1e-9, to - from), failed[w]);
            }),
        ];
    }
}
