using System.Globalization;
using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>Measured figures as the report writes them.</summary>
public static class Amount
{
    /// <summary>Three figures.</summary>
    public static string Of(double? value) => value is { } v ? Quantity.Figures(v) : Quantity.None;

    /// <summary>An interval is in brackets.</summary>
    /// <param name="scale">1000 for seconds as milliseconds.</param>
    public static string Of(Estimate? estimate, double scale = 1) => Of(estimate?.Value * scale)
        + (estimate is { Low: { } low, High: { } high } ? $" ({Of(low * scale)} to {Of(high * scale)})" : "");

    /// <summary>With a capital and a full stop.</summary>
    public static string Sentence(string text) => text.Length == 0 ? text
        : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] is '.' or '!' or '?' ? "" : ".");

    public static string Time(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
