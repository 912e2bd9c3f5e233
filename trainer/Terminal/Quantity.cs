namespace Btx.Trainer.Terminal;

/// <summary>Numbers and times as a person reads them.</summary>
public static class Quantity
{
    /// <summary><c>950</c>, <c>12.3 k</c>, <c>4.56 M</c>, <c>1.2 G</c>; three significant digits.</summary>
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
        return scaled.ToString($"F{digits}", System.Globalization.CultureInfo.InvariantCulture) + suffix;
    }

    /// <summary>A value with its unit: <c>1.5 MB</c> for bytes, <c>12.3 k tokens</c> for the rest.</summary>
    public static string WithUnit(double value, string unit)
    {
        var number = Short(value);
        if (unit != "bytes") return $"{number} {unit}";
        return number.Contains(' ', StringComparison.Ordinal) ? number.Replace(" k", " kB", StringComparison.Ordinal).Replace(" M", " MB",
            StringComparison.Ordinal).Replace(" G", " GB", StringComparison.Ordinal) : $"{number} B";
    }

    /// <summary><c>0:07</c>, <c>12:34</c>, <c>1:02:03</c>, <c>2 d 03:04</c>.</summary>
    public static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.Zero) time = TimeSpan.Zero;
        var seconds = (long)Math.Round(time.TotalSeconds);
        var (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if (hours >= 48) return $"{hours / 24} d {hours % 24:00}:{minutes:00}";
        return hours > 0 ? $"{hours}:{minutes:00}:{seconds % 60:00}" : $"{minutes}:{seconds % 60:00}";
    }
}
