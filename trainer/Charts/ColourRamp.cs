namespace Btx.Trainer.Charts;

/// <summary>Light to dark, even in lightness (after ColorBrewer's YlGnBu), so that it also reads in grey.</summary>
internal static class ColourRamp
{
    private static readonly (int R, int G, int B)[] Stops = [(255, 255, 229), (217, 240, 200), (144, 208, 188), (74, 168, 192),
        (40, 110, 176), (28, 52, 120)];

    /// <param name="shade">0, light, to 1, dark.</param>
    public static string At(double shade)
    {
        var at = Math.Clamp(shade, 0, 1) * (Stops.Length - 1);
        var i = Math.Min((int)at, Stops.Length - 2);
        int Mix(int from, int to) => (int)Math.Round(from + ((to - from) * (at - i)));
        return $"#{Mix(Stops[i].R, Stops[i + 1].R):x2}{Mix(Stops[i].G, Stops[i + 1].G):x2}{Mix(Stops[i].B, Stops[i + 1].B):x2}";
    }

    /// <summary>The colour of text on a shade.</summary>
    public static string Ink(double shade) => shade > 0.7 ? "#ffffff" : SvgText.Ink;
}
