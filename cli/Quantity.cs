namespace Btx.Cli;

/// <summary>Numbers, sizes and times as a person reads them.</summary>
public static class Quantity
{
    /// <summary>What stands for a figure that there is not.</summary>
    public const string None = "–";

    /// <summary><c>950</c>, <c>12.3 k</c>, <c>4.56 M</c>, <c>1.20 G</c>: three significant digits.</summary>
    public static string Short(double value)
    {
        var (scaled, suffix) = Math.Abs(value) switch
        {
            >= 999.5e6 => (value / 1e9, " G"),
            >= 999.5e3 => (value / 1e6, " M"),
            >= 999.5 => (value / 1e3, " k"),
            _ => (value, ""),
        };
        var digits = suffix.Length == 0 && scaled == Math.Floor(scaled) ? 0
            : Math.Abs(scaled) switch { >= 99.95 => 0, >= 9.995 => 1, _ => 2 };
        return scaled.ToString($"F{digits}") + suffix;
    }

    /// <summary>A value with its unit: <c>1.50 MB</c> for bytes, <c>12.3 k tokens</c> for the rest.</summary>
    public static string WithUnit(double value, string unit)
    {
        var number = Short(value);
        return unit != "bytes" ? $"{number} {unit}" : number.Contains(' ', StringComparison.Ordinal) ? $"{number}B" : $"{number} B";
    }

    /// <summary><c>950 B</c>, <c>12.3 kB</c>, <c>1.50 GB</c>: powers of 1000.</summary>
    public static string Bytes(double bytes) => WithUnit(bytes, "bytes");

    /// <summary>Three significant digits, with no zeros behind them: <c>12.3</c>, <c>1,240</c>, <c>0.05</c>.</summary>
    public static string Figures(double value)
    {
        if (!double.IsFinite(value)) return None;
        if (value == 0) return "0";
        var size = Math.Abs(value);
        if (size is < 1e-4 or >= 1e15) return value.ToString("G3");
        return value.ToString($"#,0.{new string('#', Math.Clamp(2 - (int)Math.Floor(Math.Log10(size)), 0, 6))}");
    }

    /// <summary>A share of 1: <c>3.25 %</c>, <c>45.2 %</c>.</summary>
    public static string Percent(double share) => double.IsFinite(share)
        ? (100 * share).ToString(Math.Abs(share) is > 0 and < 0.1 ? "0.##" : "0.#") + " %" : None;

    /// <summary>A share of 1 to four places: <c>0.2500</c>.</summary>
    public static string Share(double share) => share is > 0 and < 0.00005 ? "<0.0001" : $"{share:0.0000}";

    /// <summary><c>1 request</c>, <c>1,200 requests</c>; without a noun the number alone.</summary>
    public static string Count(long count, string? noun = null) =>
        noun is null ? $"{count:N0}" : $"{count:N0} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>Of memory, in powers of 1024: <c>12 MiB</c>, <c>31.3 GiB</c>.</summary>
    public static string Memory(double bytes) =>
        bytes >= 1 << 30 ? $"{Figures(bytes / (1 << 30))} GiB" : $"{Figures(bytes / (1 << 20))} MiB";

    /// <summary><c>340 µs</c>, <c>12.3 ms</c>, <c>1.25 s</c>, <c>2 min 5 s</c>, <c>3 h 20 min</c>.</summary>
    public static string Seconds(double value) => Math.Abs(value) switch
    {
        0 => "0 s",
        < 0.9995e-3 => $"{Figures(value * 1e6)} µs",
        < 0.9995 => $"{Figures(value * 1e3)} ms",
        < 60 => $"{Figures(value)} s",
        < 3600 => $"{(long)value / 60} min {(long)value % 60} s",
        _ => $"{(long)value / 3600} h {(long)value / 60 % 60} min",
    };

    /// <summary><c>0:07</c>, <c>12:34</c>, <c>1:02:03</c>, <c>2 d 03:04</c>.</summary>
    public static string Clock(TimeSpan time)
    {
        if (time < TimeSpan.Zero) time = TimeSpan.Zero;
        var seconds = (long)Math.Round(time.TotalSeconds);
        var (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if (hours >= 48) return $"{hours / 24} d {hours % 24:00}:{minutes:00}";
        return hours > 0 ? $"{hours}:{minutes:00}:{seconds % 60:00}" : $"{minutes}:{seconds % 60:00}";
    }
}
