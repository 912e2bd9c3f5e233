namespace Btx.LoadTests.Records;

/// <summary>One measured point: one line of a run's <c>points.jsonl</c>.</summary>
public sealed record PointResult
{
    public required PointSettings Settings { get; init; }

    /// <summary>Which of the settings' repeats, from 0.</summary>
    public required int Repeat { get; init; }

    /// <summary>Position in the shuffled order, from 0.</summary>
    public required int Order { get; init; }

    /// <summary>The point that is measured again and again: how it varies is the machine's noise.</summary>
    public bool Reference { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required LoadSummary Summary { get; init; }

    /// <summary>Null for peers without metrics.</summary>
    public ServerFigures? Server { get; init; }

    /// <summary>Experts that were served, and in the BTX model; null for peers.</summary>
    public int? Experts { get; init; }

    public int? MixtureExperts { get; init; }

    /// <summary>A peer's own words on what it is and how it runs; null for the server.</summary>
    public string? Peer { get; init; }
}
