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
