using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep left behind.</summary>
/// <param name="Points">Settings that were measured.</param>
/// <param name="Results">All measurements, the reference point's among them.</param>
/// <param name="Notes">What was left out, and why.</param>
internal sealed record SweepOutcome(string Directory, int Points, IReadOnlyList<PointResult> Results, IReadOnlyList<string> Notes);
