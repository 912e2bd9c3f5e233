namespace Btx.LoadTests.Charts;

/// <summary>How a series is told from the others: never by colour alone.</summary>
/// <param name="Colour">Position in <see cref="Palette"/>; counted around.</param>
/// <param name="Shape">Position in <see cref="Markers"/>; counted around.</param>
/// <param name="Dash">0 solid, 1 dashed, 2 dotted, 3 dash and dot.</param>
/// <param name="Hollow">Markers drawn as outlines.</param>
public sealed record SeriesStyle(int Colour, int Shape, int Dash = 0, bool Hollow = false)
{
    /// <summary>A style for each position; the first 8 differ in colour and shape, later ones in dashes too.</summary>
    public static SeriesStyle Of(int index)
    {
        var round = index / Palette.Count;
        return new(index % Palette.Count, (index + round) % Markers.Count, round % 4, round % 2 == 1);
    }
}
