namespace Btx.LoadTests.Records;

/// <summary>What a point of a sweep sets.</summary>
/// <param name="Mode">Routing mode: <c>ensemble</c>, <c>top_k</c>, <c>top_p:MASS</c>, <c>average</c>, <c>average:NAME</c>, <c>expert</c>
/// (of the prompt's domain), <c>expert:NAME</c>, <c>moe</c>; or <c>peer:NAME</c>.</param>
/// <param name="K">Experts a token, of <c>top_k</c> and <c>moe</c>; for the other modes what they run: all for <c>ensemble</c>, 1 for
/// <c>average</c> and <c>expert</c>; null for <c>top_p</c> and peers.</param>
/// <param name="Load"><c>closed</c> or <c>open</c>.</param>
/// <param name="Concurrency">Closed loop: requests in flight; the batch that is asked for.</param>
/// <param name="Rate">Open loop: requests due a second.</param>
/// <param name="Precision">Of the served weights: <c>fp32</c>, <c>fp16</c>, <c>int8</c>, <c>int4</c>.</param>
/// <param name="Options">Further server options, <c>--name</c> to value.</param>
public sealed record PointSettings(string Mode, int? K, string Load, int? Concurrency, double? Rate, string Precision,
    IReadOnlyDictionary<string, string> Options)
{
    /// <summary>Precision of a server that does not say.</summary>
    public const string Unknown = "unknown";

    /// <summary>The same words for equal settings: a file name's part and a table's row.</summary>
    public string Name =>
        string.Join('-', new[] { Mode.Replace(':', '_'), K is { } k && Mode is "top_k" or "moe" ? $"k{K}" : null,
        Rate is { } r ? FormattableString.Invariant($"r{r:0.###}") : $"c{Concurrency}", Precision == Unknown ? null : Precision }
            .Concat(Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key.TrimStart('-')}={o.Value}"))
            .Where(p => p is not null));
}
