using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Seconds against experts a token, as a straight line. Fitted to every repeat, weighted
/// by 1/seconds² (the noise is relative).</summary>
public sealed record CostLine
{
    /// <summary>a + b·k: experts of the forest.</summary>
    public const string Forest = "a + b·k";

    /// <summary>A + k·F: experts of the BTX model.</summary>
    public const string Mixture = "A + k·F";

    /// <summary><see cref="Forest"/> or <see cref="Mixture"/>.</summary>
    public required string Form { get; init; }

    /// <summary>Name of the <see cref="CostMetric"/> on the y axis: <c>decode_step</c> (the server's clock) or
    /// <c>inter_token</c> (the client's). Seconds.</summary>
    public required string Quantity { get; init; }

    /// <summary>What all its points share, in words: <c>concurrency 4, fp32</c>.</summary>
    public required string Where { get; init; }

    /// <summary>Closed loop: requests in flight. Null in the open loop.</summary>
    public int? Concurrency { get; init; }

    /// <summary>Open loop: requests a second.</summary>
    public double? Rate { get; init; }

    public required string Precision { get; init; }

    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary>Through all points.</summary>
    public required LineFigures Fit { get; init; }

    /// <summary>Through the points at which the model holds; null if it breaks nowhere or everywhere.</summary>
    public LineFigures? Held { get; init; }

    /// <summary>In ascending order of k.</summary>
    public required IReadOnlyList<CostLinePoint> Points { get; init; }

    /// <summary>Where the model breaks, a sentence each; empty if it holds.</summary>
    public required IReadOnlyList<string> Breaks { get; init; }

    /// <summary>The line to trust: without the points that break it.</summary>
    public LineFigures Best() => Held ?? Fit;
}
