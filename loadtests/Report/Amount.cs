using System.Globalization;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>Numbers as the report writes them: three figures, an interval in brackets.</summary>
public static class Amount
{
    /// <summary>What stands for a figure that a point does not have.</summary>
    public const string None = "–";

    public static string Of(double value)
    {
        if (!double.IsFinite(value)) return None;
        if (value == 0) return "0";
        var size = Math.Abs(value);
        if (size is < 1e-4 or >= 1e15) return value.ToString("G3", CultureInfo.InvariantCulture);
        var decimals = Math.Clamp(2 - (int)Math.Floor(Math.Log10(size)), 0, 6);
        return value.ToString($"#,0.{new string('#', decimals)}", CultureInfo.InvariantCulture);
    }

    public static string Of(double? value) => value is { } v ? Of(v) : None;

    /// <param name="scale">1000 for seconds as milliseconds.</param>
    public static string Of(Estimate? estimate, double scale = 1) =>
        estimate is null ? None
        : estimate is { Low: { } low, High: { } high } ? $"{Of(estimate.Value * scale)} ({Of(low * scale)} to {Of(high * scale)})"
        : Of(estimate.Value * scale);

    /// <summary>A share of 1 as per cent.</summary>
    public static string Percent(double share) => double.IsFinite(share)
        ? (100 * share).ToString(Math.Abs(share) is > 0 and < 0.1 ? "0.##" : "0.#", CultureInfo.InvariantCulture) + " %" : None;

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary><c>1 request</c>, <c>2 requests</c>.</summary>
    public static string Count(long count, string noun) => $"{Count(count)} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>With a capital and a full stop.</summary>
    public static string Sentence(string text) => text.Length == 0 ? text
        : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] is '.' or '!' or '?' ? "" : ".");

    public static string Bytes(long bytes) => $"{Of(bytes / (double)(1L << 30))} GiB";

    public static string Time(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
