namespace Btx.Cli.Charts;

/// <summary>Places labels beside points so that they cover neither each other, nor a marker, nor a line.</summary>
internal sealed class LabelPlacer(Frame frame)
{
    /// <summary>Labels are cut to this width, px.</summary>
    public const double MostLabel = 170;

    private const double Tall = 13;

    private static readonly (double Across, double Down)[] Directions = [(1, 0), (-1, 0), (0, -1), (0, 1), (0.8, -0.8), (-0.8, -0.8),
        (0.8, 0.8), (-0.8, 0.8), (0.9, -0.4), (-0.9, -0.4), (0.9, 0.4), (-0.9, 0.4)];

    private readonly List<Box> _taken = [];

    /// <summary>Keeps labels off a marker.</summary>
    public void Occupy(double x, double y) => _taken.Add(new(x - Svg.Reach, y - Svg.Reach, x + Svg.Reach, y + Svg.Reach));

    /// <summary>Keeps labels off a line.</summary>
    public void Occupy((double X, double Y) from, (double X, double Y) to) => _taken.AddRange(Along(from, to));

    /// <summary>The nearest place by a point that is free: where the text begins (its base line), and the end of a line from the point to
    /// it, where it needs one; null if there is no room.</summary>
    public (double X, double Y, (double X, double Y)? Leader)? Place(double x, double y, string label)
    {
        var wide = Math.Min(TextWidth.Of(label, Svg.Small), MostLabel);
        foreach (var reach in (double[])[9, 16, 26, 38, 52, 70, 95])
        {
            foreach (var (across, down) in Directions)
            {
                var left = across == 0 ? Math.Min(x - (wide / 2), frame.Right - wide - 4)
                    : x + (across * reach) - (across < 0 ? wide : 0);
                var middle = y + (down * (reach + (across == 0 ? 2 : 0)));
                var box = new Box(left - 2, middle - (Tall / 2), left + wide + 2, middle + (Tall / 2));
                if (box.Left < frame.Left + 1 || box.Right > frame.Right - 1 || box.Top < frame.Top + 1 || box.Bottom > frame.Bottom - 1
                    || !Free(box))
                    continue;
                var leader = (X: Math.Clamp(x, left, left + wide), Y: Math.Clamp(y, box.Top, box.Bottom));
                Box[] way = reach <= 20 ? [] : [.. Along((x, y), leader)
                    .Where(b => Math.Abs(b.Left + 1 - x) > Svg.Reach + 1 || Math.Abs(b.Top + 1 - y) > Svg.Reach + 1)];
                if (!way.All(Free)) continue;
                _taken.AddRange([box, .. way]);
                return (left, middle + 4, reach <= 20 ? null : leader);
            }
        }

        return null;
    }

    /// <summary>A place for the name of a horizontal line: above or below it, at an end; above its right end if none is free.</summary>
    public (double X, double Y) Beside(double y, string label)
    {
        var wide = Math.Min(TextWidth.Of(label, Svg.Small), frame.Width - 12);
        Box At(double left, bool above) => new(left, above ? y - 16 : y + 3, left + wide, above ? y - 3 : y + 16);
        double right = frame.Right - 4 - wide, left = frame.Left + 5, middle = (frame.Left + right) / 2;
        Box[] places = [At(right, true), At(left, true), At(right, false), At(left, false), At(middle, true), At(middle, false)];
        Box[] inside = [.. places.Where(p => p.Top > frame.Top && p.Bottom < frame.Bottom), places[2]];
        var place = inside.FirstOrDefault(Free, inside[0]);
        _taken.Add(place);
        return (place.Left, place.Bottom - 2);
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
