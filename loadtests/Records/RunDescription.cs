using System.Runtime.InteropServices;

namespace Btx.LoadTests.Records;

/// <summary>Names inside a run's directory. All in it is written whole or line by line: what is there after a crash is used.</summary>
public static class RunDirectory
{
    public const string Description = "loadtest.json"; // a RunDescription
    public const string Points = "points.jsonl"; // a PointResult a line
    public const string Requests = "requests"; // folder of RequestRecords, a file a point: NAME-rREPEAT.jsonl
    public const string Quality = "quality.json"; // a QualityTable
    public const string Change = "change.json"; // a ChangeTimeline
    public const string CeilingFile = "ceiling.json"; // the generator's own Ceiling
    public const string Fits = "fits.json"; // fitted cost models, frontier and recommendation
    public const string Page = "report.html";
    public const string Markdown = "report.md";
    public const string Charts = "charts"; // folder of the report's pictures, SVG
}

/// <summary>What a run was asked to do, where.</summary>
/// <param name="Command">The command line that repeats it.</param>
/// <param name="Seed">Order of the points, prompts, lengths and arrivals follow from it.</param>
public sealed record RunDescription(DateTimeOffset Started, string Command, MachineDescription Machine, string Version,
    LoadDescription Load, int Seed, ServiceObjective? Objective = null)
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>Of a run that begins now, on this machine, with this program.</summary>
    public static RunDescription Now(string command, LoadDescription load, ServiceObjective? objective, int seed) =>
        new(DateTimeOffset.UtcNow, command, MachineDescription.OfThis(), typeof(RunDescription).Assembly.GetName().Version!.ToString(3),
            load, seed, objective);
}

/// <param name="LoadAverage">Of the last minute, before the run.</param>
public sealed record MachineDescription(string Processor, int Cores, long MemoryBytes, string OperatingSystem, double LoadAverage)
{
    public static MachineDescription OfThis() => new(
        Value("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        long.TryParse(Value("/proc/meminfo", "MemTotal")?.Split(' ')[0], out var kibibytes) ? kibibytes * 1024
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription,
        double.TryParse(Lines("/proc/loadavg").FirstOrDefault()?.Split(' ')[0], out var load) ? load : 0);

    private static string? Value(string file, string name) =>
        Lines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2).ElementAtOrDefault(1)?.Trim();

    private static string[] Lines(string file) => File.Exists(file) ? File.ReadAllLines(file) : [];
}

/// <summary>The load's shape, in the command line's own words.</summary>
/// <param name="Door">How requests reach the server: <c>grpc</c> or <c>http</c>.</param>
/// <param name="Prompts">Where prompts come from, and the domain mix.</param>
public sealed record LoadDescription(string Door, string Prompts, string PromptTokens, string OutputTokens, string WarmUp, string Bound);

/// <summary>What the generator itself can do: above this, against a server that answers at once, it would measure itself.</summary>
/// <param name="ProcessorSecondsPerToken">Of the generator and that server together.</param>
public sealed record Ceiling(string Door, int Concurrency, double RequestsPerSecond, double TokensPerSecond,
    double ProcessorSecondsPerToken);

/// <summary>How good each point's model is on held-out text, by <see cref="QualityKey"/>, then by domain.</summary>
public sealed record QualityTable(string Source, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> BitsPerByte,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> Perplexity);

/// <summary>Which quality belongs to a point: quality depends on mode, k and precision, not on load.</summary>
public static class QualityKey
{
    public static string Of(PointSettings settings) => Of(settings.Mode, settings.K, settings.Precision);

    /// <summary><c>top_k:k=2@fp32</c>, <c>ensemble@fp32</c>, <c>moe:k=2@int4</c>.</summary>
    public static string Of(string mode, int? k, string precision) =>
        (mode is "top_k" or "moe" && k is { } n ? $"{mode}:k={n}" : mode) + "@" + precision;
}

/// <summary>A constant load over which an expert is added and removed. Times are seconds since the load began.</summary>
public sealed record ChangeTimeline(string Expert, IReadOnlyList<ChangeTimeline.Change> Changes,
    IReadOnlyList<ChangeTimeline.Window> Windows, int Requests, int Failed)
{
    /// <param name="Kind"><c>add</c> or <c>remove</c>.</param>
    /// <param name="End">When the call returned.</param>
    public sealed record Change(string Kind, string Id, double Begin, double End, IReadOnlyList<Phase> Phases);

    public sealed record Phase(string Name, double At);

    /// <summary>The gaps between tokens in a slice of time; null where no token arrived.</summary>
    public sealed record Window(double From, double To, double? MedianGap, double? P99Gap, double? WorstGap, double TokensPerSecond,
        int Failed);
}
