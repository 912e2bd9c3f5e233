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

/// <summary>Which quality belongs to a point: quality depends on mode, k and precision, not on load.</summary>
public static class QualityKey
{
    public static string Of(PointSettings settings) => Of(settings.Mode, settings.K, settings.Precision);

    /// <summary><c>top_k:k=2@fp32</c>, <c>ensemble@fp32</c>, <c>moe:k=2@int4</c>.</summary>
    public static string Of(string mode, int? k, string precision) =>
        (mode is "top_k" or "moe" && k is { } n ? $"{mode}:k={n}" : mode) + "@" + precision;
}

/// <summary>How good each point's model is on held-out text. Keys of the outer dictionaries are
/// <see cref="QualityKey"/>s, of the inner ones domains.</summary>
/// <param name="Source">Which files and what text.</param>
public sealed record QualityTable(string Source, IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> BitsPerByte,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> Perplexity);

/// <summary>The load's shape, in the command line's own words.</summary>
/// <param name="Door"><c>grpc</c> or <c>http</c>.</param>
/// <param name="Prompts">Where prompts come from, and the domain mix.</param>
/// <param name="PromptTokens">Distribution of prompt lengths.</param>
/// <param name="OutputTokens">Distribution of output lengths.</param>
/// <param name="WarmUp">What is left out: seconds or requests.</param>
/// <param name="Bound">When a point ends: seconds or requests.</param>
public sealed record LoadDescription(string Door, string Prompts, string PromptTokens, string OutputTokens, string WarmUp, string Bound);
