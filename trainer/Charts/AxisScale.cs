using System.Globalization;

namespace Btx.Trainer.Charts;

/// <summary>A linear axis with round tick values (1, 2 or 5 times a power of ten) that encloses the data.</summary>
internal sealed class AxisScale
{
    private AxisScale(double least, double most, double step) => (Least, Most, Step) = (least, most, step);

    public double Least { get; }

    public double Most { get; }

    public double Step { get; }

    /// <param name="values">Values to enclose; those that are not finite are ignored.</param>
    /// <param name="ticks">About how many intervals.</param>
    public static AxisScale Of(IEnumerable<double> values, int ticks)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        foreach (var value in values.Where(double.IsFinite)) (least, most) = (Math.Min(least, value), Math.Max(most, value));
        if (least > most) (least, most) = (0, 1);
        if (most - least < 1e-12 * Math.Max(1, Math.Abs(most)))
            (least, most) = (least - (Math.Abs(least) / 2) - 0.5, most + (Math.Abs(most) / 2) + 0.5);
        var rough = (most - least) / ticks;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = power * ((rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
        return new AxisScale(Math.Floor((least / step) + 1e-9) * step, Math.Ceiling((most / step) - 1e-9) * step, step);
    }

    public IEnumerable<double> Ticks()
    {
        var count = (int)Math.Round((Most - Least) / Step);
        for (var i = 0; i <= count; i++) yield return Least + (i * Step);
    }

    /// <summary>Where a value lies between the ends, 0 to 1.</summary>
    public double Position(double value) => (value - Least) / (Most - Least);

    /// <summary>A tick's label: thousands as k, millions as M, as many decimals as the step needs.</summary>
    public string Label(double value)
    {
        var (scale, suffix) = Math.Max(Math.Abs(Least), Math.Abs(Most)) switch
        {
            >= 1e9 => (1e9, "G"),
            >= 1e6 => (1e6, "M"),
            >= 1e4 => (1e3,
            "k"),
            _ => (1.0, "")
        };
        if (Math.Abs(value) < Step / 1e6) return "0";
        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(Step / scale) - 1e-9), 0, 10);
        return (value / scale).ToString($"F{decimals}", CultureInfo.InvariantCulture) + suffix;
    }
}
