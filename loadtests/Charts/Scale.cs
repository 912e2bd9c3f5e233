using System.Globalization;

namespace Btx.LoadTests.Charts;

/// <summary>From values to places: the range of an axis and the values that are marked on it.</summary>
public sealed class Scale
{
    private readonly double _step;

    private Scale(bool logarithmic, double least, double most, double step, IReadOnlyList<double> ticks) =>
        (Logarithmic, Least, Most, _step, Ticks) = (logarithmic, least, most, step, ticks);

    public bool Logarithmic { get; }

    public double Least { get; }

    public double Most { get; }

    /// <summary>Marked values, ascending, all within <see cref="Least"/> and <see cref="Most"/>.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>The scale of an axis for its values; those that have no place on it are left out.</summary>
    /// <param name="count">About how many marked values.</param>
    /// <param name="padded">Whether the range ends a little beyond the values, which keeps markers off
    /// the frame; else it ends at marked values.</param>
    public static Scale Of(Axis axis, IEnumerable<double> values, int count, bool padded = false)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (var value in values.Where(v => HasPlace(v, axis.Logarithmic)))
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        if (least > most) (least, most) = axis.Logarithmic ? (1, 10) : (0, 1);
        var scale = axis.Logarithmic ? Powers(least, most, count, padded) : Steps(axis, least, most, count, padded);
        return axis.Ticks is { } ticks ? new Scale(scale.Logarithmic, scale.Least, scale.Most, 0,
            [.. ticks.Where(t => t >= scale.Least && t <= scale.Most).Distinct().Order()]) : scale;
    }

    /// <summary>Where a value lies between the ends, 0 to 1; NaN if it has no place here.</summary>
    public double Position(double value) =>
        !HasPlace(value, Logarithmic) ? double.NaN
        : Logarithmic ? (Math.Log10(value) - Math.Log10(Least)) / (Math.Log10(Most) - Math.Log10(Least))
        : (value - Least) / (Most - Least);

    /// <summary>A marked value as text: thousands as k, millions as M, as many decimals as the step asks for.</summary>
    public string Label(double value)
    {
        var size = _step > 0 ? Math.Max(Math.Abs(Least), Math.Abs(Most)) : Math.Abs(value);
        var (unit, suffix) = size switch
        {
            >= 1e15 => (1, ""),
            >= 1e12 => (1e12, "T"),
            >= 1e9 => (1e9, "G"),
            >= 1e6 => (1e6, "M"),
            >= 1e4 => (1e3, "k"),
            _ => (1.0, "")
        };
        if (_step > 0 && Math.Abs(value) < _step / 1e6) return "0";
        if (_step <= 0 || size < 1e-3 || size >= 1e15) return (value / unit).ToString("G4", CultureInfo.InvariantCulture) + suffix;
        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(_step / unit) - 1e-9), 0, 10);
        return (value / unit).ToString($"F{decimals}", CultureInfo.InvariantCulture) + suffix;
    }

    /// <summary>What is beyond 1e±99 is no measurement, and would leave no digits for the ticks.</summary>
    private static bool HasPlace(double value, bool logarithmic) => Math.Abs(value) <= 1e99 && (!logarithmic || value >= 1e-99);

    private static Scale Steps(Axis axis, double least, double most, int count, bool padded)
    {
        if (axis.FromZero) (least, most) = (Math.Min(0, least), Math.Max(0, most));
        if (most - least <= 1e-9 * Math.Max(Math.Abs(most), Math.Abs(least)))
        {
            var spread = axis.Whole ? 1 : most == 0 ? 1 : Math.Abs(most) / 2;
            (least, most) = axis.FromZero && least == 0 ? (0, most == 0 ? 1 : most) : (least - spread, most + spread);
        }

        var step = RoundUp((most - least) / count);
        if (axis.Whole) step = Math.Max(1, step);
        double first, last;
        if (padded)
        {
            var pad = 0.04 * (most - least);
            (first, last) = (axis.FromZero && least == 0 ? 0 : least - pad, axis.FromZero && most == 0 ? 0 : most + pad);
        }
        else
        {
            (first, last) = (Math.Floor((least / step) + 1e-9) * step, Math.Ceiling((most / step) - 1e-9) * step);
        }

        long from = (long)Math.Ceiling((first / step) - 1e-9), to = (long)Math.Floor((last / step) + 1e-9);
        return new Scale(false, first, last, step, [.. Enumerable.Range(0, (int)(to - from + 1)).Select(i => (from + i) * step)]);
    }

    private static Scale Powers(double least, double most, int count, bool padded)
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
        var (first, last) = padded
            ? (least / Math.Pow(10, 0.04 * decades), most * Math.Pow(10, 0.04 * decades))
            : (marked.Last(m => m <= least * (1 + 1e-9)), marked.First(m => m >= most * (1 - 1e-9)));
        return new Scale(true, first, last, 0, [.. marked.Where(m => m >= first * (1 - 1e-9) && m <= last * (1 + 1e-9))]);
    }

    private static double RoundUp(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return power * ((rough / power) switch { <= 1 + 1e-9 => 1, <= 2 + 1e-9 => 2, <= 5 + 1e-9 => 5, _ => 10 });
    }
}
