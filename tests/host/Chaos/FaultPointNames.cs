using Btx.Forest;
using Btx.Model.Registry;

namespace Btx.Server.Tests.Chaos;

/// <summary>Where a change can be stopped.</summary>
internal static class FaultPointNames
{
    public static IReadOnlyList<string> All { get; } = [.. ChangeJournal.FaultPoints.Concat(ForestRegistry.FaultPoints).Distinct()];

    /// <summary>Those that a start passes, not a change.</summary>
    public static IReadOnlyList<string> OfStart { get; } = [.. All.Where(p => p.StartsWith("open:", StringComparison.Ordinal))];

    /// <summary>What fails here is done before the next change; that one may fail too, but not in the same place.</summary>
    public static bool IsOfRemovals(string point) =>
        point.StartsWith("purged:", StringComparison.Ordinal) || point is "change:purging" or "change:purged" || IsOfCertificates(point);

    /// <summary>Those of every removal.</summary>
    public static bool IsOfCertificates(string point) =>
        point.StartsWith("certified:", StringComparison.Ordinal) || point is "change:checked" or "change:certified";

    /// <summary>Those that only a change passes that fails.</summary>
    public static IReadOnlyList<string> OfFailure { get; } = [.. All.Where(p => p.StartsWith("abort:", StringComparison.Ordinal))];
}
