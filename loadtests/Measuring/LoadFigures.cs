using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Measuring;

/// <summary>From records to figures.</summary>
public static class LoadFigures
{
    /// <param name="from">Seconds since the load began: the time that is measured.</param>
    /// <param name="to">Of which the end belongs to it.</param>
    public static LoadSummary Of(IReadOnlyList<RequestRecord> records, double from, double to, ServiceObjective? objective = null)
    {
        RequestRecord[] measured = [.. records.Where(r => !r.WarmUp)];
        RequestRecord[] ok = [.. measured.Where(r => r.Ok)];
        float[][] gaps = [.. ok.Select(r => r.Gaps)];
        float[] all = [.. gaps.SelectMany(g => g)];
        var seconds = to - from;
        double PerSecond(double count) => seconds > 0 ? count / seconds : 0;
        return new()
        {
            Seconds = seconds,
            Requests = measured.Length,
            Failed = measured.Length - ok.Length,
            Statuses = measured.GroupBy(r => r.Status).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => g.Count()),
            PromptTokens = ok.Sum(r => (long)r.PromptTokens),
            CompletionTokens = ok.Sum(r => (long)r.CompletionTokens),
            TokensPerSecond = PerSecond(records.Where(r => r.Ok).Sum(r => TokensWithin(r, from, to))),
            RequestsPerSecond = PerSecond(records.Count(r => r.Ok && r.End > from && r.End <= to)),
            OfferedPerSecond = PerSecond(measured.Length),
            GoodputPerSecond = objective is null ? null : PerSecond(ok.Count(r => ObjectiveCheck.Meets(objective, r))),
            TimeToFirstToken = Latency(ok.Where(r => r.FirstToken is not null).Select(r => r.FirstToken!.Value - r.Due)),
            InterToken = all.Length == 0 ? null : new(Quantile.OfGroups(gaps, 0.5), Quantile.OfGroups(gaps, 0.9),
                Quantile.OfGroups(gaps, 0.99), all.Average(v => (double)v), all.Max()),
            EndToEnd = Latency(ok.Select(r => r.End!.Value - r.Due)),
            EndToEndFromSent = Latency(ok.Select(r => r.End!.Value - r.Sent)),
        };
    }

    private static LatencyFigures? Latency(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered.Length == 0 ? null : new(Quantile.OfOrdered(ordered, 0.5), Quantile.OfOrdered(ordered, 0.9),
            Quantile.OfOrdered(ordered, 0.99), ordered.Average(), ordered[^1]);
    }

    private static int TokensWithin(RequestRecord record, double from, double to)
    {
        if (record.FirstToken is not { } at) return 0;
        var count = at > from && at <= to ? 1 : 0;
        foreach (var gap in record.Gaps)
        {
            at += gap;
            if (at > from && at <= to) count++;
        }

        return count;
    }
}
