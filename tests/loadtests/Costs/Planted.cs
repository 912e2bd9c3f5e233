using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Costs;

/// <summary>Points whose truth is known.</summary>
internal static class Planted
{
    private static readonly DateTimeOffset Begin = new(2025, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static PointSettings Closed(string mode, int? k, int concurrency = 1, string precision = "fp32") =>
        new(mode, k, "closed", concurrency, null, precision, new Dictionary<string, string>());

    public static PointSettings Open(string mode, int? k, double rate) =>
        new(mode, k, "open", null, rate, "fp32", new Dictionary<string, string>());

    public static Estimate At(double value) => new(value, 0.98 * value, 1.02 * value, 1000);

    public static LatencyFigures Latency(double p50) => new(At(p50), At(1.5 * p50), At(2 * p50), p50, 4 * p50);

    /// <param name="step">Seconds between two tokens.</param>
    /// <param name="batch">Tokens a decode step.</param>
    public static PointResult Point(PointSettings settings, double step, int repeat = 0, double? batch = null, double? distinct = null,
        double? share = null, double? tokensPerSecond = null,
        double? offered = null, double? achieved = null, int experts = 4, bool reference = false, int failed = 0)
    {
        var tokens = tokensPerSecond ?? (settings.Concurrency ?? 1) / step / 1.2;
        var requests = achieved ?? tokens / 32;
        return new PointResult(Settings: settings, Repeat: repeat, Order: repeat, Reference: reference, Started: Begin,
            Experts: experts, MixtureExperts: experts,
            Summary: new LoadSummary(Seconds: 30, Requests: (int)(30 * requests) + failed, Failed: failed,
                Statuses: new Dictionary<string, int> { ["ok"] = (int)(30 * requests) }, PromptTokens: 900,
                CompletionTokens: (long)(30 * tokens), TokensPerSecond: tokens, RequestsPerSecond: requests,
                OfferedPerSecond: offered ?? requests,
                GoodputPerSecond: share is { } s ? s * ((int)(30 * requests) + failed) / 30 : null,
                TimeToFirstToken: Latency(10 * step), InterToken: Latency(step), EndToEnd: Latency(42 * step),
                EndToEndFromSent: Latency(42 * step)),
            Server: batch is null ? null : new ServerFigures
            {
                DecodeSteps = 1000,
                DecodeSeconds = 1000 * step,
                MeanBatch = batch.Value,
                DistinctExperts = settings.Mode == "moe" ? null : distinct,
                DistinctMixtureExperts = settings.Mode == "moe" ? distinct : null
            });
    }

    /// <summary>Standard normal values from a seed.</summary>
    public static Func<double> Normal(int seed)
    {
        var random = new Random(seed);
        return () => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    /// <summary>Quality by key, the same in two domains but for 0.1.</summary>
    public static QualityTable Quality(params (string Key, double BitsPerByte)[] rows) => new("planted",
        rows.ToDictionary(r => r.Key, r => (IReadOnlyDictionary<string, double>)new Dictionary<string, double>
        {
            ["bible"] = r.BitsPerByte
            - 0.1,
            ["german"] = r.BitsPerByte + 0.1
        }),
        rows.ToDictionary(r => r.Key,
            r => (IReadOnlyDictionary<string, double>)new Dictionary<string, double> { ["bible"] = 4, ["german"] = 9 }));
}
