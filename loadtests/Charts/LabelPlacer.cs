namespace Btx.LoadTests.Charts;

/// <summary>Places labels beside points so that they cover neither each other, nor a marker, nor a
/// line; one that finds no room is left out.</summary>
internal sealed class LabelPlacer(Frame frame)
{
    private const double Size = SvgCanvas.Small, Tall = 13;
    private readonly List<Box> _taken = [];

    /// <summary>Keeps labels off a marker.</summary>
    public void Occupy(double x, double y) => _taken.Add(new(x - Markers.Reach, y - Markers.Reach, x + Markers.Reach, y + Markers.Reach));

    /// <summary>Keeps labels off a line.</summary>
    public void Occupy((double X, double Y) from, (double X, double Y) to) => _taken.AddRange(Along(from, to));

    /// <summary>A place near a point, the nearest that is free.</summary>
    /// <returns>Where the text begins (its base line), and the end of a line from the point to it, where it
    /// needs one; null if there is no room.</returns>
    public (double X, double Y, string Text, (double X, double Y)? Leader)? Place(double x, double y, string label)
    {
        var text = TextWidth.Fit(label, Size, 170);
        var wide = TextWidth.Of(text, Size);
        foreach (var reach in (double[])[9, 16, 26, 38, 52, 70, 95])
        {
            foreach (var (across, down) in ((double, double)[])[(1, 0), (-1, 0), (0, -1), (0, 1), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8),
                (-0.8, 0.8), (0.9, -0.4), (-0.9, -0.4), (0.9, 0.4), (-0.9, 0.4)])
            {
                var left = across > 0 ? x + (across * reach)
                    : across < 0 ? x + (across * reach) - wide : Math.Min(x - (wide / 2), frame.Right - wide - 4);
                var middle = y + (down * (reach + (across == 0 ? 2 : 0)));
                var box = new Box(left - 2, middle - (Tall / 2), left + wide + 2, middle + (Tall / 2));
                if (box.Left < frame.Left + 1 || box.Right > frame.Right - 1 || box.Top < frame.Top + 1 || box.Bottom > frame.Bottom - 1
                    || !Free(box))
                    continue;
                if (reach <= 20)
                {
                    _taken.Add(box);
                    return (left, middle + 4, text, null);
                }

                var leader = (X: Math.Clamp(x, left, left + wide), Y: Math.Clamp(y, box.Top, box.Bottom));
                Box[] way = [.. Along((x, y), leader)
                    .Where(b => Math.Abs(b.Left + 1 - x) > Markers.Reach + 1 || Math.Abs(b.Top + 1 - y) > Markers.Reach + 1)];
                if (!way.All(Free)) continue;
                _taken.Add(box);
                _taken.AddRange(way);
                return (left, middle + 4, text, leader);
            }
        }

        return null;
    }

    /// <summary>A place for the name of a horizontal line: above or below it, at an end that is
    /// free; above its right end if none is.</summary>
    public (double X, double Y, string Text) Beside(double y, string label)
    {
        var text = TextWidth.Fit(label, Size, frame.Width - 12);
        var wide = TextWidth.Of(text, Size);
        Box At(double left, bool above) => new(left, above ? y - 16 : y + 3, left + wide, above ? y - 3 : y + 16);
        var left = frame.Right - 4 - wide;
        Box[] places = [At(left, true), At(frame.Left + 5, true), At(left, false), At(frame.Left + 5, false),
            At((frame.Left + left) / 2, true), At((frame.Left + left) / 2, false)];
        var inside = places.Where(p => p.Top > frame.Top && p.Bottom < frame.Bottom).DefaultIfEmpty(places[2]).ToArray();
        var place = inside.Where(Free).DefaultIfEmpty(inside[0]).First();
        _taken.Add(place);
        return (place.Left, place.Bottom - 2, text);
    }

    private static IEnumerable<Box> Along((double X, double Y) from, (double X, double Y) to)
    {
        var pieces = Math.Clamp((int)(Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)) / 5), 1, 400);
        for (var i = 0; i <= pieces; i++)
        {
            var (x, y) = (from.X + ((to.X - from.X) * i / pieces), from.Y + ((to.Y - from.Y) * i / pieces));
            yield return new(x - 1, y - 1, x + 1, y + 1);
        }
    }

    private bool Free(Box box) => !_taken.Any(t => t.Left < box.Right && box.Left < t.Right && t.Top < box.Bottom && box.Top < t.Bottom);

    private readonly record struct Box(double Left, double Top, double Right, double Bottom);
}
