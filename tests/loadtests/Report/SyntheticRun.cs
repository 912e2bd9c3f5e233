using System.Text.Json;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Report;

/// <summary>A run whose figures follow from a cost that is known: a step takes 2 ms + 3 ms for each distinct expert; with
/// noise of 2 % that is the same every time.</summary>
internal sealed class SyntheticRun : IDisposable
{
    public const int Experts = 4;
    private static readonly DateTimeOffset s_start = new(2026, 5, 4, 3, 2, 1, TimeSpan.Zero);
    private readonly Random _random = new(7);
    private readonly List<PointResult> _points = [];

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("btx-report-").FullName;

    public IReadOnlyList<PointResult> Points => _points;

    /// <summary>The whole of a sweep: closed and open loops, quality, changes, ceiling, peers.</summary>
    public static SyntheticRun Whole()
    {
        var run = new SyntheticRun();
        for (var repeat = 0; repeat < 3; repeat++)
        {
            run.Closed("expert", 1, 1, repeat, reference: true);
            foreach (var concurrency in new[] { 1, 4 })
            {
                for (var k = 1; k <= Experts; k++)
                {
                    run.Closed("top_k", k, concurrency, repeat);
                    run.Closed("moe", k, concurrency, repeat);
                }

                run.Closed("ensemble", Experts, concurrency, repeat);
                run.Closed("average", 1, concurrency, repeat);
                if (concurrency > 1) run.Closed("expert", 1, concurrency, repeat);
                run.Closed("peer:genai", null, concurrency, repeat);
                run.Closed("peer:llama.cpp", null, concurrency, repeat);
                run.Closed("peer:dense", null, concurrency, repeat);
            }

            foreach (var rate in new[] { 1, 2, 3, 4, 5, 6, 7, 8.0 }) run.Open("top_k", 2, rate, repeat, saturation: 5.2);
        }

        run.Write(RunDirectory.Description, Description());
        run.WritePoints();
        run.Write(RunDirectory.Quality, Quality());
        run.Write(RunDirectory.Change, Change());
        run.Write(RunDirectory.CeilingFile, new Ceiling("grpc", 16, 3000, 90000, 0.00001));
        return run;
    }

    public static RunDescription Description() => new(s_start, "./btx loadtest sweep --forest served --corpus corpus --out run",
        new("Processor <X> & Y", 2, 8L << 30, "Linux", 0.1), "0.1.0", new("grpc", "test split of corpus, all domains alike",
            "lognormal:32, 0.5, 64", "fixed:32", "2 s", "10 s"), Seed: 1, Objective: new(0.1, 0.05, null));

    public static QualityTable Quality()
    {
        string[] domains = ["bible", "german", "novels", "python"];
        double[] offset = [0.1, 0.3, 0, -0.2];
        var keys = new Dictionary<string, double> { ["ensemble@fp32"] = 1.8, ["average@fp32"] = 2.3, ["expert@fp32"] = 2.5 };
        for (var k = 1; k <= Experts; k++)
            (keys[$"top_k:k={k}@fp32"], keys[$"moe:k={k}@fp32"]) = (1.8 + (0.2 / k) - 0.05, 1.85 + (0.1 / k));
        Dictionary<string, double> Of(double mean, Func<double, double> as_) =>
            domains.Zip(offset).ToDictionary(d => d.First, d => as_(mean + d.Second));
        return new("evaluation.json: test split",
            keys.ToDictionary(k => k.Key, k => (IReadOnlyDictionary<string, double>)Of(k.Value, b => b)),
            keys.ToDictionary(k => k.Key, k => (IReadOnlyDictionary<string, double>)Of(k.Value, b => Math.Pow(2, 4 * b))));
    }

    public static ChangeTimeline Change()
    {
        var random = new Random(3);
        ChangeTimeline.Change[] changes =
        [
            new("remove", "german", 5.02, 5.06, [new("journal", 5.03), new("swap", 5.05)]),
            new("add", "german", 12.1, 12.62, [new("validate", 12.15), new("build", 12.2), new("prime", 12.5), new("swap", 12.6)]),
        ];
        var windows = Enumerable.Range(0, 80).Select(i => (From: i * 0.25, To: (i + 1) * 0.25)).Select(w =>
        {
            var busy = changes.Any(c => w.To > c.Begin && w.From < c.End);
            return new ChangeTimeline.Window(w.From, w.To, w.From is 8 ? null : 0.014 + (0.002 * random.NextDouble()),
                0.02 + (0.004 * random.NextDouble()), 0.024 + ((busy ? 0.03 : 0.008) * random.NextDouble()),
                270 - (busy ? 40 : 0) + (10 * random.NextDouble()), 0);
        });
        return new("german", changes, [.. windows], Requests: 240, Failed: 0);
    }

    public void Closed(string mode, int? k, int concurrency, int repeat, bool reference = false)
    {
        var distinct = k is { } n ? Experts * (1 - Math.Pow(1 - ((double)n / Experts), mode == "ensemble" ? 1 : concurrency)) : 1.3;
        if (mode is "average" or "expert") distinct = 1;
        var step = (0.002 + (0.003 * distinct) + (0.0002 * concurrency * (k ?? 1))) * Noise() * (mode == "moe" ? 0.7 : 1);
        Add(new(mode, k, "closed", concurrency, null, "fp32", new Dictionary<string, string>()), repeat, reference, step, 3 * step,
            concurrency / step, concurrency, distinct, 0);
    }

    public void Open(string mode, int? k, double rate, int repeat, double saturation)
    {
        var served = Math.Min(rate, saturation) * Noise();
        var step = 0.01 * (1 + (rate / saturation)) * Noise();
        Add(new(mode, k, "open", null, rate, "fp32", new Dictionary<string, string>()), repeat, false, step,
            rate < saturation ? 3 * step / (1.05 - (rate / saturation)) : 0.5 * rate, 32 * served, rate, 3, rate);
    }

    /// <summary>A point of which no request succeeded.</summary>
    public void Failed(string mode, int? k, int repeat) => _points.Add(new(
        Settings: new(mode, k, "closed", 1, null, "fp32", new Dictionary<string, string>()), Repeat: repeat, Order: _points.Count,
        Started: s_start.AddSeconds(10 * _points.Count),
        Summary: new(Seconds: 10, Requests: 7, Failed: 7, Statuses: new Dictionary<string, int>
        {
            ["unreachable"] = 5,
            ["timeout"] = 2
        }, PromptTokens: 0, CompletionTokens: 0, TokensPerSecond: 0, RequestsPerSecond: 0, OfferedPerSecond: 0.7)));

    public void WritePoints() =>
        File.WriteAllLines(Path.Combine(Directory, RunDirectory.Points), _points.Select(p => JsonSerializer.Serialize(p, RunJson.Line)));

    /// <summary>Two requests a point, which got their first token after as many seconds.</summary>
    public void WriteRequests(double firstToken)
    {
        var folder = System.IO.Directory.CreateDirectory(Path.Combine(Directory, RunDirectory.Requests)).FullName;
        RequestRecord Record(int i) => new(Index: i, Due: i, Sent: i, FirstToken: i + firstToken, End: i + 1, CompletionTokens: 2,
            Domain: "bible", Status: "ok")
        { Gaps = [0.01f] };
        foreach (var p in _points)
            File.WriteAllLines(Path.Combine(folder, $"{p.Settings.Name}-r{p.Repeat}.jsonl"),
                Enumerable.Range(0, 2).Select(i => JsonSerializer.Serialize(Record(i), RunJson.Line)));
    }

    public void Write<T>(string file, T value) => RunJson.Write(Path.Combine(Directory, file), value);

    public void Delete(string file) => File.Delete(Path.Combine(Directory, file));

    public string Text(string file) => File.ReadAllText(Path.Combine(Directory, file));

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private double Noise() => 1 + (0.02 * ((2 * _random.NextDouble()) - 1));

    private void Add(PointSettings settings, int repeat, bool reference, double step, double first, double tokens, double batch,
        double distinct, double offered)
    {
        LatencyFigures Around(double seconds) => new(new(seconds, seconds * 0.97, seconds * 1.03, 200), new(seconds * 1.2, null,
            null, 200),
            new(seconds * 1.6, null, null, 200), seconds * 1.05, seconds * 2);
        var requests = tokens / 32;
        var moe = settings.Mode == "moe";
        _points.Add(new(Settings: settings, Repeat: repeat, Order: _points.Count, Reference: reference,
            Started: s_start.AddSeconds(12 * _points.Count), Experts: Modes.Peer(settings) ? null : Experts,
            MixtureExperts: moe ? Experts : null,
            Summary: new(Seconds: 10, Requests: (int)(10 * requests), Failed: 0, Statuses: new Dictionary<string,
                int>
            { ["ok"] = (int)(10 * requests) }, PromptTokens: (long)(300 * requests), CompletionTokens: (long)(10 * tokens),
                TokensPerSecond: tokens, RequestsPerSecond: requests, OfferedPerSecond: offered > 0 ? offered : requests,
                GoodputPerSecond: first < 0.1 && step < 0.05 ? requests : 0, TimeToFirstToken: Around(first),
                InterToken: Around(step), EndToEnd: Around(first + (31 * step)), EndToEndFromSent: Around(first / 2 + (31 * step))),
            Server: Modes.Peer(settings) ? null : new()
            {
                Requests = 10 * requests,
                CompletionTokens = 10 * tokens * 1.01,
                PrefillTokens = 300 * requests,
                Steps = 10 / step,
                StepSeconds = 10,
                DecodeSteps = 9 / step,
                DecodeSeconds = 9,
                MeanTimeToFirstToken = first,
                MeanRequestSeconds = first + (31 * step),
                MeanBatch = batch,
                DistinctExperts = moe ? null : distinct,
                DistinctMixtureExperts = moe ? distinct : null
            }));
    }

    private static class Modes
    {
        public static bool Peer(PointSettings settings) => settings.Mode.StartsWith("peer:", StringComparison.Ordinal);
    }
}
