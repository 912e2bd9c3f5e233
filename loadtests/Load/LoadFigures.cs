namespace Btx.LoadTests.Load;

public static class LoadFigures
{
    public static LoadSummary Of(IReadOnlyList<RequestRecord> records, double from, double to, ServiceObjective? objective = null)
    {
        RequestRecord[] measured = [.. records.Where(r => !r.WarmUp)];
        RequestRecord[] ok = [.. measured.Where(r => r.Ok)];
        float[][] gaps = [.. ok.Select(r => r.Gaps)];
        float[] all = [.. gaps.SelectMany(g => g)];
        var seconds = to - from;
        double PerSecond(double count) => seconds > 0 ? count / seconds : 0;
        var statuses = measured.GroupBy(r => r.Status).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal);
        return new(seconds, measured.Length, measured.Length - ok.Length, statuses.ToDictionary(g => g.Key, g => g.Count()),
            PromptTokens: ok.Sum(r => (long)r.PromptTokens), CompletionTokens: ok.Sum(r => (long)r.CompletionTokens),
            TokensPerSecond: PerSecond(records.Where(r => r.Ok).Sum(r => r.TokenTimes().Count(t => t > from && t <= to))),
            RequestsPerSecond: PerSecond(records.Count(r => r.Ok && r.End > from && r.End <= to)),
            OfferedPerSecond: PerSecond(measured.Length),
            GoodputPerSecond: objective is null ? null : PerSecond(ok.Count(r => ObjectiveCheck.Meets(objective, r))),
            TimeToFirstToken: Latency(ok.Where(r => r.FirstToken is not null).Select(r => r.FirstToken!.Value - r.Due)),
            InterToken: all.Length == 0 ? null : new(Quantile.OfGroups(gaps, 0.5), Quantile.OfGroups(gaps, 0.9),
                Quantile.OfGroups(gaps, 0.99), all.Average(v => (double)v), all.Max()),
            EndToEnd: Latency(ok.Select(r => r.End!.Value - r.Due)),
            EndToEndFromSent: Latency(ok.Select(r => r.End!.Value - r.Sent)));
    }

    private static LatencyFigures? Latency(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered.Length == 0 ? null : new(Quantile.OfOrdered(ordered, 0.5), Quantile.OfOrdered(ordered, 0.9),
            Quantile.OfOrdered(ordered, 0.99), ordered.Average(), ordered[^1]);
    }
}

/// <summary>Does a load meet an objective, and if not, by how much?</summary>
public static class ObjectiveCheck
{
    public const string Forms = "ttft=SECONDS,itl=SECONDS,e2e=SECONDS,share=0.99, any of the first three";

    /// <summary>Reads <c>ttft=0.5,itl=0.05,e2e=2,share=0.99</c>.</summary>
    public static ServiceObjective Read(string option, string text)
    {
        var limits = Specification.Numbers(option, text, ["ttft", "itl", "e2e", "share"]);
        double? Limit(string name) => limits.TryGetValue(name, out var limit) ? limit : null;
        var objective = new ServiceObjective(Limit("ttft"), Limit("itl"), Limit("e2e"), Limit("share") ?? 0.99);
        return objective is not (null, null, null, _) and { Share: <= 1 } ? objective
            : throw new LoadTestException($"{option} {text}: limits nothing, or a share above 1; expected {Forms}");
    }

    public static bool Meets(ServiceObjective objective, RequestRecord r) => r.Ok && Excess(objective, r).All(e => e.Excess <= 1);

    /// <summary>One line, for people: how many met it, and where none did, which limit the nearest one missed.</summary>
    public static string Verdict(ServiceObjective objective, IReadOnlyList<RequestRecord> records)
    {
        RequestRecord[] measured = [.. records.Where(r => !r.WarmUp)];
        var met = measured.Count(r => Meets(objective, r));
        var share = measured.Length == 0 ? 0 : met / (double)measured.Length;
        var counted = $"{met} of {measured.Length} requests ({share:P1}) met the objective";
        if (measured.Length > 0 && share >= objective.Share) return $"{counted}: at least the {objective.Share:P1} asked for";
        if (met > 0) return $"{counted}: less than the {objective.Share:P1} asked for";
        var nearest = measured.Where(r => r.Ok).Select(r => Excess(objective, r).DefaultIfEmpty().MaxBy(e => e.Excess)).DefaultIfEmpty()
            .MinBy(e => e.Excess);
        return nearest.Name is null
            ? $"no request met the objective: none of {measured.Length} succeeded"
            : $"no request met the objective; the nearest had {nearest.Name} {nearest.Seconds:0.####} s, {nearest.Excess:0.0#} times the "
                + $"limit of {nearest.Limit} s";
    }

    private static IEnumerable<(string Name, double Seconds, double Limit, double Excess)> Excess(ServiceObjective objective,
        RequestRecord record) => new (string Name, double? Seconds, double? Limit)[]
        {
            ("time to first token", record.FirstToken - record.Due, objective.TimeToFirstToken),
            ("mean inter-token latency", record.Gaps.Length > 0 ? record.Gaps.Average() : null, objective.InterToken),
            ("end-to-end latency", record.End - record.Due, objective.EndToEnd),
        }
        .Where(l => l is { Seconds: not null, Limit: not null })
        .Select(l => (l.Name, l.Seconds!.Value, l.Limit!.Value, l.Seconds.Value / l.Limit.Value));
}
