using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What all points of a sweep have in common: the requests and the bounds.</summary>
internal sealed record LoadShape
{
    public required PromptTexts Texts { get; init; }

    public required DomainMix Mix { get; init; }

    public required ILengths Prompts { get; init; }

    public required ILengths Outputs { get; init; }

    public required LoadBounds Bounds { get; init; }

    /// <summary>Seconds of load that a server gets when it has been started, before its first
    /// point: it compiles and maps as it runs.</summary>
    public required double HeatSeconds { get; init; }

    public required int Seed { get; init; }

    public ServiceObjective? Objective { get; init; }

    /// <summary>That lengths may be cut; null: all fit.</summary>
    /// <param name="context">Tokens of prompt and answer together; 0: not known.</param>
    public string? TooLong(int context) => context == 0 || (long)Prompts.Max + Outputs.Max <= context ? null
        : $"--prompt-tokens {Prompts.Text} and --output-tokens {Outputs.Text} are up to {(long)Prompts.Max + Outputs.Max} tokens "
            + $"together, the context is {context}: what is longer is cut to it, the prompt first";

    /// <summary>Open loops arrive as a Poisson process.</summary>
    public static IArrivals Arrivals(PointSettings settings) => settings.Rate is { } rate ? new PoissonArrivals(rate)
        : new ClosedArrivals(settings.Concurrency ?? 1);

    /// <summary>The same requests for all points of a repeat, others in the next; the reference point always gets the same.</summary>
    public int SeedOf(PlannedPoint point) => point.Reference ? Seed : Seed + 1 + point.Repeat;
}
