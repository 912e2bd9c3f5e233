using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>One measurement of a sweep; see <see cref="PointResult"/>.</summary>
internal sealed record PlannedPoint(PointSettings Settings, int Repeat, int Order, bool Reference)
{
    /// <summary>Equal for the same measurement of the same sweep.</summary>
    public string Name => $"{Settings.Name}{(Reference ? "-ref" : "")}-r{Repeat}";

    /// <summary>Of its request records.</summary>
    public string FileName => $"{string.Concat(Name.Select(c => c is '/' or '\\' or ':' || char.IsControl(c) ? '_' : c))}.jsonl";

    public static string NameOf(PointResult result) =>
        new PlannedPoint(result.Settings, result.Repeat, result.Order, result.Reference).Name;
}
