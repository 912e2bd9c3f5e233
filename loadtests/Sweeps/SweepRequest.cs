using Btx.LoadTests.PeerDoors;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep is to do, checked as far as that goes without a server.</summary>
internal sealed record SweepRequest
{
    /// <summary>The run's directory.</summary>
    public required string Out { get; init; }

    public required Grid Grid { get; init; }

    public required ServerInputs Servers { get; init; }

    public required LoadShape Shape { get; init; }

    public PeerRequest Peers { get; init; } = new([], 1, null);

    /// <summary>Measurements of each point.</summary>
    public required int Repeats { get; init; }

    /// <summary>Points between two measurements of the reference point.</summary>
    public required int ReferenceEvery { get; init; }

    /// <summary>All that decides what is measured, by option: what a sweep that goes on must be asked again.</summary>
    public required IReadOnlyDictionary<string, string> Asked { get; init; }

    /// <summary>As given.</summary>
    public required string Corpus { get; init; }

    public bool Quick { get; init; }
}

/// <summary>What a sweep left behind.</summary>
/// <param name="Points">Settings that were measured.</param>
/// <param name="Results">All measurements, the reference point's among them.</param>
/// <param name="Notes">What was left out, and why.</param>
internal sealed record SweepOutcome(string Directory, int Points, IReadOnlyList<PointResult> Results, IReadOnlyList<string> Notes);
