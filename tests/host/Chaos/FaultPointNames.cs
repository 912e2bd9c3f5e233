using Btx.Engine.Registry;
using Btx.Model.Registry;

namespace Btx.Server.Tests.Chaos;

/// <summary>Where a change can be stopped.</summary>
internal static class FaultPointNames
{
    public static IReadOnlyList<string> All { get; } = [.. ChangeJournal.FaultPoints.Concat(ForestRegistry.FaultPoints).Distinct()];

    /// <summary>Those that a start passes, not a change.</summary>
    public static IReadOnlyList<string> OfStart { get; } = [.. All.Where(p => p.StartsWith("open:", StringComparison.Ordinal))];

    /// <summary>Those that only a change passes that fails.</summary>
    public static IReadOnlyList<string> OfFailure { get; } = [.. All.Where(p => p.StartsWith("abort:", StringComparison.Ordinal))];
}
