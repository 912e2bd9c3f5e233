using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>Points with equal keys are measured on one server process. Peers have none.</summary>
internal sealed record ServerKey(string Precision, string Options)
{
    /// <returns>Null: the point is a peer's.</returns>
    public static ServerKey? Of(PointSettings settings) => settings.Mode.StartsWith("peer:", StringComparison.Ordinal)
        ? null
        : new(settings.Precision,
        string.Join(' ', settings.Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}")));

    public override string ToString() => Options.Length == 0 ? Precision : $"{Precision} {Options}";
}
