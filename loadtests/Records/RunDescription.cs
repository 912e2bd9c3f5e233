namespace Btx.LoadTests.Records;

/// <summary>What a run was asked to do, where.</summary>
public sealed record RunDescription
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required DateTimeOffset Started { get; init; }

    /// <summary>The command line that repeats it.</summary>
    public required string Command { get; init; }

    /// <summary>Processor, cores, memory, operating system, load when it began.</summary>
    public required MachineDescription Machine { get; init; }

    /// <summary>Version of the program.</summary>
    public required string Version { get; init; }

    public required LoadDescription Load { get; init; }

    /// <summary>Null unless one was named.</summary>
    public ServiceObjective? Objective { get; init; }

    /// <summary>Order of the points, prompts, lengths and arrivals follow from it.</summary>
    public required int Seed { get; init; }
}

/// <param name="MemoryBytes">Physical memory.</param>
/// <param name="LoadAverage">Of the last minute, before the run.</param>
public sealed record MachineDescription(string Processor, int Cores, long MemoryBytes, string OperatingSystem, double LoadAverage);

/// <summary>What the generator itself can do, against a server in its own process that answers at
/// once: above this it would measure itself.</summary>
/// <param name="Door"><c>grpc</c> or <c>http</c>.</param>
/// <param name="ProcessorSecondsPerToken">Of the generator and that server together.</param>
public sealed record Ceiling(string Door, int Concurrency, double RequestsPerSecond, double TokensPerSecond,
    double ProcessorSecondsPerToken);
