namespace Btx.LoadTests.Records;

/// <summary>Which quality belongs to a point: quality depends on mode, k and precision, not on load.</summary>
public static class QualityKey
{
    public static string Of(PointSettings settings) => Of(settings.Mode, settings.K, settings.Precision);

    /// <summary><c>top_k:k=2@fp32</c>, <c>ensemble@fp32</c>, <c>moe:k=2@int4</c>.</summary>
    public static string Of(string mode, int? k, string precision) =>
        (mode is "top_k" or "moe" && k is { } n ? $"{mode}:k={n}" : mode) + "@" + precision;
}
