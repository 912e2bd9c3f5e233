using System.Globalization;

namespace Btx.LoadTests.Load;

/// <summary>When a request is due, and what a trace says of it.</summary>
/// <param name="Due">Seconds since the load began; null: as soon as another has ended (closed loop).</param>
/// <param name="Domain">Null: by the domain mix; so for the lengths.</param>
public readonly record struct Arrival(double? Due, int? PromptTokens = null, int? OutputTokens = null, string? Domain = null);

/// <summary>The order in which requests come.</summary>
/// <param name="From">By seed, in order of time; without end, except of a trace.</param>
public sealed record Arrivals(string Text, Func<long, IEnumerable<Arrival>> From)
{
    public const string Forms = "closed:N, poisson:RATE, bursts:RATE,SIZE,PERIOD or trace:FILE[,SCALE]";

    /// <summary>Requests in flight, and requests due a second, of which this program on one machine could still be the client.</summary>
    public const int MostInFlight = 10_000, MostPerSecond = 100_000;

    /// <summary>Closed loop: always so many in flight, the next is due when one has ended; null: an open loop.</summary>
    public int? Concurrency { get; private init; }

    /// <summary>Open loop: requests due a second, on average.</summary>
    public double? Rate { get; private init; }

    /// <summary>What a trace holds, and its file; null: none was read.</summary>
    public (string File, IReadOnlyList<Arrival> Arrivals)? Recorded { get; private init; }

    public static Arrivals Closed(int concurrency) =>
        new($"closed:{concurrency}", _ => Enumerable.Repeat(new Arrival(null), int.MaxValue)) { Concurrency = concurrency };

    /// <summary>Open loop: independent of each other and of the answers.</summary>
    public static Arrivals Poisson(double rate) =>
        new(FormattableString.Invariant($"poisson:{rate}"), seed => PoissonFrom(rate, seed)) { Rate = rate };

    /// <summary>Open loop: Poisson arrivals, and every period, from one period on, a burst that is due at once.</summary>
    public static Arrivals Bursts(double rate, int size, double period) =>
        new(FormattableString.Invariant($"bursts:{rate},{size},{period}"), seed => BurstsFrom(rate, size, period, seed))
        { Rate = rate + (size / period) };

    /// <summary>Open loop: what a trace recorded, from its first arrival on.</summary>
    public static Arrivals Trace(string file, IReadOnlyList<Arrival> recorded, double scale = 1)
    {
        var first = recorded[0].Due!.Value;
        return new(FormattableString.Invariant($"trace:{file},{scale}"),
            _ => recorded.Select(a => a with { Due = (a.Due - first) / scale }))
        { Recorded = (file, recorded), Rate = recorded.Count / Math.Max(1e-3, (recorded[^1].Due!.Value - first) / scale) };
    }

    public static Arrivals Read(string option, string text)
    {
        var spec = new Specification(option, text, Forms);
        var arrivals = spec.Kind switch
        {
            "closed" when spec.Has(1) => Closed(spec.Whole(0, "requests in flight", 1, MostInFlight)),
            "poisson" when spec.Has(1) => Poisson(spec.Number(0, "requests a second", 0)),
            "bursts" when spec.Has(3) => Bursts(spec.Number(0, "requests a second between bursts", 0, orEqual: true),
                spec.Whole(1, "requests a burst", 1), spec.Number(2, "seconds from burst to burst", 0)),
            "trace" when spec.Has(1) || spec.Has(2) => Trace(spec.Part(0), ReadTrace(spec.Part(0)),
                spec.Has(2) ? spec.Number(1, "how many times as fast", 0) : 1),
            _ => throw spec.Unknown(),
        };
        return arrivals.Recorded is not null || !(arrivals.Rate > MostPerSecond) ? arrivals
            : throw spec.Error($"{arrivals.Rate:0} requests a second; one client sends {MostPerSecond} at most");
    }

    /// <summary>Reads recorded arrivals: JSON lines with the fields, or CSV with a header of the columns, <c>arrival</c> (seconds; or
    /// <c>timestamp</c>: seconds or a date and time) and optionally <c>prompt_tokens</c>, <c>output_tokens</c>, <c>domain</c>.
    /// <c>ContextTokens</c> and <c>GeneratedTokens</c> are read too: the columns of Azure's published inference traces.</summary>
    public static IReadOnlyList<Arrival> ReadTrace(string path)
    {
        var lines = RunJson.ReadText(path);
        var json = lines.FirstOrDefault(l => !string.IsNullOrWhiteSpace(l))?.TrimStart().StartsWith('{') == true;
        string[] columns = json || lines.Length == 0 ? [] : Cells(lines[0].ToLowerInvariant());
        if (!json && !columns.Any(c => c is "arrival" or "timestamp"))
            throw new LoadTestException($"{path}, line 1: expected JSON lines, or a header with a column \"arrival\" (seconds)");
        Arrival Read(string line, string where) => OfFields(json ? JsonFields(line, where) : CsvFields(columns, line, where), where);
        Arrival[] arrivals = [.. lines.Index().Skip(json ? 0 : 1).Where(l => !string.IsNullOrWhiteSpace(l.Item))
            .Select(l => Read(l.Item, $"{path}, line {l.Index + 1}")).OrderBy(a => a.Due)];
        return arrivals.Length > 0 ? arrivals : throw new LoadTestException($"{path} holds no arrival");
    }

    private static IEnumerable<Arrival> PoissonFrom(double rate, long seed)
    {
        var draws = new RandomStream(seed, RandomStream.Arrivals);
        for (var due = 0.0; ;) yield return new(due += draws.Exponential() / rate);
    }

    private static IEnumerable<Arrival> BurstsFrom(double rate, int size, double period, long seed)
    {
        using var steady = rate > 0 ? PoissonFrom(rate, seed).GetEnumerator() : null;
        steady?.MoveNext();
        for (var burst = 1L; ; burst++)
        {
            for (; steady?.Current.Due < burst * period; steady.MoveNext()) yield return steady.Current;
            for (var i = 0; i < size; i++) yield return new(burst * period);
        }
    }

    private static Arrival OfFields(Dictionary<string, string> fields, string where)
    {
        string? Field(params string[] names) =>
            names.Select(n => fields.GetValueOrDefault(n)).FirstOrDefault(v => !string.IsNullOrEmpty(v));
        int? Tokens(params string[] names) => Field(names) is not { } text ? null
            : int.TryParse(text, NumberStyles.None, null, out var n) && n > 0 ? n
            : throw new LoadTestException($"{where}: {names[0]} is \"{text}\"; expected a whole number above 0");
        const DateTimeStyles Utc = DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal;
        var at = Field("arrival", "timestamp") ?? throw new LoadTestException($"{where}: no arrival (seconds)");
        var due = double.TryParse(at, CultureInfo.InvariantCulture, out var seconds) && double.IsFinite(seconds) ? seconds
            : DateTime.TryParse(at, CultureInfo.InvariantCulture, Utc, out var time) ? (time - DateTime.UnixEpoch).TotalSeconds
            : throw new LoadTestException($"{where}: arrival is \"{at}\"; expected seconds");
        return new(due, Tokens("prompt_tokens", "contexttokens"), Tokens("output_tokens", "generatedtokens"), Field("domain"));
    }

    private static Dictionary<string, string> JsonFields(string line, string where) =>
        LoadTestException.Wrap($"{where}: not a JSON object with each field once", () =>
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.EnumerateObject().ToDictionary(p => p.Name.ToLowerInvariant(), p => p.Value.ToString());
        });

    private static Dictionary<string, string> CsvFields(string[] columns, string line, string where)
    {
        var cells = Cells(line);
        if (cells.Length != columns.Length)
            throw new LoadTestException($"{where}: {cells.Length} columns; the header has {columns.Length}");
        return columns.Zip(cells).GroupBy(c => c.First).ToDictionary(g => g.Key, g => g.Last().Second);
    }

    private static string[] Cells(string line) => [.. line.Split(',').Select(c => c.Trim().Trim('"'))];
}
