using Btx.LoadTests.Doors;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>A point's mode as requests ask for it.</summary>
internal static class SettingsRouting
{
    public static RoutingChoice Of(PointSettings settings)
    {
        var name = settings.Mode.Split(':', 2);
        return name[0] switch
        {
            "top_k" or "moe" => new(name[0], settings.K),
            "top_p" => new("top_p", P: double.Parse(name[1])),
            "expert" => new("expert", Expert: name.ElementAtOrDefault(1)),
            "average" => new("average", Average: name.ElementAtOrDefault(1)),
            _ => new(name[0]),
        };
    }
}
