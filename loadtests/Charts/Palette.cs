using System.Globalization;

namespace Btx.LoadTests.Charts;

/// <summary>Colours that people with the usual kinds of colour blindness can tell apart (after Okabe and
/// Ito), for a light and for a dark ground.</summary>
public static class Palette
{
    private static readonly (string Light, string Dark)[] Colours =
    [
        ("#0069a6", "#5bb5ef"), ("#c2510a", "#ff9752"), ("#00805c", "#35cc9f"), ("#a3407f", "#eb9dcb"),
        ("#8f6400", "#f0c040"), ("#4b3fa8", "#b0a8ff"), ("#7a2136", "#ff8fa0"), ("#56616f", "#b4bdc8"),
    ];

    public static int Count => Colours.Length;

    /// <summary>Colours as attributes serve the light ground; these rules replace them on a dark one. Each picture carries them.</summary>
    public static string DarkRules { get; } =
        "@media (prefers-color-scheme:dark){.btx-ground{fill:#15191f}.btx-halo{stroke:#15191f}.btx-ink{fill:#e7eaef}.btx-muted{fill:#a6b0bc}.btx-rule{stroke:#2d3540}.btx-axis{stroke:#8d98a5}.btx-shade{fill:#8d98a5}"
        + string.Concat(Colours.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $".btx-c{i}{{color:{c.Dark}}}"))) + "}";

    /// <summary>The attributes of a group whose elements are drawn in <c>currentColor</c>.</summary>
    internal static string Attributes(int colour)
    {
        var at = ((colour % Count) + Count) % Count;
        return string.Create(CultureInfo.InvariantCulture, $"class=\"btx-c{at}\" color=\"{Colours[at].Light}\"");
    }
}

/// <summary>Shapes of about equal area about the origin.</summary>
internal static class Markers
{
    private static readonly string[] Paths =
    [
        "M-4.4,0a4.4,4.4 0 1,0 8.8,0a4.4,4.4 0 1,0 -8.8,0Z", // circle
        "M-3.9,-3.9H3.9V3.9H-3.9Z", // square
        "M0,-5.4L5,3.6H-5Z", // triangle
        "M0,-5.6L5.2,0L0,5.6L-5.2,0Z", // diamond
        "M0,5.4L5,-3.6H-5Z", // triangle that points down
        "M-1.7,-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z", // plus
        "M0,-5.4L1.6,-1.7L5.2,-1.7L2.4,0.9L3.4,4.8L0,2.6L-3.4,4.8L-2.4,0.9L-5.2,-1.7L-1.6,-1.7Z", // star
        "M-5,0L-2.5,-4.4H2.5L5,0L2.5,4.4H-2.5Z", // hexagon
    ];

    /// <summary>No marker reaches further from its point, px.</summary>
    public const double Reach = 6;

    public static int Count => Paths.Length;

    public static string Path(int shape) => Paths[((shape % Count) + Count) % Count];
}
