using System.Globalization;

namespace Btx.Cli.Charts;

/// <summary>From values to places: the range of an axis and the values that are marked on it.</summary>
internal sealed record Scale(bool Logarithmic, double Least, double Most, double Step, IReadOnlyList<double> Ticks, Axis Axis)
{
    /// <summary>The scale of an axis for its values; those that have no place on it are left out.</summary>
    /// <param name="count">About how many marked values.</param>
    /// <param name="padded">Whether the range ends a little beyond the values, off the frame; else it ends at marked values.</param>
    public static Scale Of(Axis axis, IEnumerable<double> values, int count, bool padded = false)
    {
        if (axis.Rows is { } rows)
            return new(false, Math.Max(1, rows.Count) - 0.5, -0.5, 1, [.. Enumerable.Range(0, rows.Count).Select(i => (double)i)], axis);
        double[] placed = [.. values.Where(v => HasPlace(v, axis.Logarithmic))];
        var (least, most) = placed.Length > 0 ? (placed.Min(), placed.Max()) : axis.Logarithmic ? (1, 10) : (0, 1);
        var scale = axis.Logarithmic ? Powers(axis, least, most, count, padded) : Steps(axis, least, most, count, padded);
        return axis.Ticks is not { } ticks ? scale
            : scale with { Step = 0, Ticks = [.. ticks.Where(t => t >= scale.Least && t <= scale.Most).Distinct().Order()] };
    }

    /// <summary>Where a value lies between the ends, 0 to 1; NaN if it has no place here.</summary>
    public double Position(double value) => !HasPlace(value, Logarithmic) ? double.NaN
        : Logarithmic ? Math.Log10(value / Least) / Math.Log10(Most / Least)
        : (value - Least) / (Most - Least);

    /// <summary>A marked value as text: thousands as k, millions as M, as many decimals as the step asks for.</summary>
    public string Label(double value)
    {
        if (Axis.Rows is { } rows) return rows[(int)value];
        var size = Step > 0 ? Math.Max(Math.Abs(Least), Math.Abs(Most)) : Math.Abs(value);
        var (unit, suffix) = size switch
        {
            >= 1e15 => (1, ""),
            >= 1e12 => (1e12, "T"),
            >= 1e9 => (1e9, "G"),
            >= 1e6 => (1e6, "M"),
            >= 1e4 => (1e3, "k"),
            _ => (1.0, ""),
        };
        if (Step > 0 && Math.Abs(value) < Step / 1e6) return "0";
        if (Step <= 0 || size is < 1e-3 or >= 1e15) return (value / unit).ToString("G4", CultureInfo.InvariantCulture) + suffix;
        if (Step / unit < 1e-6) (unit, suffix) = (1, ""); // the figures that differ would be beyond what is printed
        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(Step / unit) - 1e-9), 0, 10);
        return (value / unit).ToString($"F{decimals}", CultureInfo.InvariantCulture) + suffix;
    }

    /// <summary>What is beyond 1e±99 is no measurement, and would leave no digits for the ticks.</summary>
    private static bool HasPlace(double value, bool logarithmic) => Math.Abs(value) <= 1e99 && (!logarithmic || value >= 1e-99);

    private static Scale Steps(Axis axis, double least, double most, int count, bool padded)
    {
        if (axis.FromZero) (least, most) = (Math.Min(0, least), Math.Max(0, most));
        if (most - least <= 1e-9 * Math.Max(Math.Abs(most), Math.Abs(least)))
        {
            var spread = axis.Whole || most == 0 ? 1 : Math.Abs(most) / 2;
            (least, most) = axis.FromZero && least == 0 ? (0, most == 0 ? 1 : most) : (least - spread, most + spread);
        }

        var step = RoundUp((most - least) / count);
        if (axis.Whole) step = Math.Max(1, step);
        var pad = 0.04 * (most - least);
        var (first, last) = padded
            ? (axis.FromZero && least == 0 ? 0 : least - pad, axis.FromZero && most == 0 ? 0 : most + pad)
            : (Math.Floor((least / step) + 1e-9) * step, Math.Ceiling((most / step) - 1e-9) * step);
        long from = (long)Math.Ceiling((first / step) - 1e-9), to = (long)Math.Floor((last / step) + 1e-9);
        return new(false, first, last, step, [.. Enumerable.Range(0, (int)(to - from + 1)).Select(i => (from + i) * step)], axis);
    }

    private static Scale Powers(Axis axis, double least, double most, int count, bool padded)
    {
        if (most / least < 1.5) (least, most) = (least / 1.5, most * 1.5);
        var decades = Math.Log10(most / least);
        double[] digits = decades <= 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 8]
            : decades <= 1.4 ? [1, 2, 3, 5] : decades <= count / 2.0 ? [1, 2, 5] : [1];
        var every = Math.Max(1, (int)Math.Ceiling(decades / count));
        int lowest = (int)Math.Floor(Math.Log10(least)) - 1, highest = (int)Math.Ceiling(Math.Log10(most)) + 1;
        lowest -= ((lowest % every) + every) % every;
        var marked = new List<double>();
        for (var power = lowest; power <= highest + every; power += every) marked.AddRange(digits.Select(d => d * Math.Pow(10, power)));
        var (first, last) = padded ? (least / Math.Pow(10, 0.04 * decades), most * Math.Pow(10, 0.04 * decades))
            : (marked.Last(m => m <= least * (1 + 1e-9)), marked.First(m => m >= most * (1 - 1e-9)));
        return new(true, first, last, 0, [.. marked.Where(m => m >= first * (1 - 1e-9) && m <= last * (1 + 1e-9))], axis);
    }

    private static double RoundUp(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return power * ((rough / power) switch { <= 1 + 1e-9 => 1, <= 2 + 1e-9 => 2, <= 5 + 1e-9 => 5, _ => 10 });
    }
}

/// <summary>Where a plot stands in its picture (px), and its scales. A place is NaN where the value has none.</summary>
internal sealed record Frame(double Left, double Top, double Width, double Height, Scale Across, Scale Up)
{
    public double Right => Left + Width;

    public double Bottom => Top + Height;

    public double X(double value) => Left + (Width * Across.Position(value));

    public double Y(double value) => Bottom - (Height * Up.Position(value));

    public bool Holds(double x, double y) => x >= Left - 0.01 && x <= Right + 0.01 && y >= Top - 0.01 && y <= Bottom + 0.01;

    /// <summary>An end of a band; one that has no place on the axis ends at its edge.</summary>
    public double EndX(double value) => double.IsFinite(X(value)) ? Math.Clamp(X(value), Left, Right) : value > 1 ? Right : Left;

    /// <inheritdoc cref="EndX"/>
    public double EndY(double value) => double.IsFinite(Y(value)) ? Math.Clamp(Y(value), Top, Bottom) : value > 1 ? Top : Bottom;
}
