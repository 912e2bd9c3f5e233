using System.Text.Json.Serialization;

namespace Btx.Model.Serving;

/// <summary>What <c>served.json</c> and <c>served-btx.json</c> have in common. Graph files and converted weights lie inside the manifest's
/// directory; what may point elsewhere is <see cref="Source"/> alone.</summary>
public abstract record ServedManifest
{
    public const int CurrentSchema = 2;

    /// <summary>fp32 and fp16 are those of weights and KV cache. int8 and int4 are those of a dense model's matrix products or of a BTX
    /// model's experts, see <see cref="Tensors.BlockLayout"/>; the rest is fp32 then.</summary>
    public static IReadOnlyList<string> Precisions { get; } = ["fp32", "fp16", "int8", "int4"];

    [JsonPropertyOrder(-7)]
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The directory of what was exported, relative to this manifest's directory or absolute.</summary>
    [JsonPropertyOrder(-6)]
    public required string Source { get; init; }

    /// <summary>Of the source at export: <see cref="ForestManifest.Hash"/>, or SHA-256 (hex) of the BTX model's weight files.</summary>
    [JsonPropertyOrder(-5)]
    public required string SourceSha256 { get; init; }

    /// <summary>One of <see cref="Precisions"/>. Logits leave the graph as fp32 in any case.</summary>
    [JsonPropertyOrder(-4)]
    public required string Precision { get; init; }

    /// <summary><see cref="Configuration.LlamaConfig.Fingerprint"/>.</summary>
    [JsonPropertyOrder(-3)]
    public required string Architecture { get; init; }

    /// <summary>Tokenizer hash.</summary>
    [JsonPropertyOrder(-2)]
    public required string Tokenizer { get; init; }

    [JsonPropertyOrder(-1)]
    public required IReadOnlyList<ServedGraph> Graphs { get; init; }

    /// <summary>Absolute path of the source.</summary>
    public string SourceDirectory(string servedDirectory) => Path.GetFullPath(Path.Combine(Path.GetFullPath(servedDirectory), Source));

    protected string Resolve(string servedDirectory, bool inSource, string path, string manifest) =>
        ContainedPath.Resolve(inSource ? SourceDirectory(servedDirectory) : Path.GetFullPath(servedDirectory), path, manifest);

    /// <returns>The first problem of what both manifests have; null: none.</returns>
    /// <param name="experts">Names and domains; null for an entry that is none.</param>
    protected string? Problem(string sourceIs, IReadOnlyList<(string Name, string Domain)?> experts, int mostExperts)
    {
        if (Schema != CurrentSchema) return $"schema is {Schema}; this version reads {CurrentSchema}; export again";
        if (!Precisions.Contains(Precision))
            return $"precision \"{BtxException.OneLine(Precision)}\" is unknown; use {string.Join(", ", Precisions)}";
        if (string.IsNullOrWhiteSpace(Source) || Source.Any(char.IsControl))
            return $"source is empty or has a control character; expected the {sourceIs}'s directory";
        if (!ForestManifestRules.IsHash(SourceSha256) || !ForestManifestRules.IsHash(Architecture)
            || !ForestManifestRules.IsHash(Tokenizer))
            return "source_sha256, architecture or tokenizer is not a SHA-256";
        if (experts.Count == 0 || experts.Count > mostExperts) return $"{experts.Count} experts; expected 1..{mostExperts}";
        if (experts.Any(e => e is not { } expert || !ForestManifestRules.IsName(expert.Name) || !ForestManifestRules.IsName(expert.Domain)))
            return "an expert has no valid name or domain";
        if (experts.Select(e => e!.Value.Name).Distinct().Count() != experts.Count) return "an expert is listed twice";
        if (Graphs.Any(g => g is null || g.Form is not (ServedGraph.Decode or ServedGraph.Ragged) || g.Rows is < 0 or > 1024))
            return "a graph has an unknown form or row count";
        return Graphs.Any(g => g.Form == ServedGraph.Ragged && g.Rows == 1) ? null : "lists no ragged graph of one row; export again";
    }
}

/// <summary>An ONNX graph. <c>decode</c>: one new token on each of B contiguous slots. <c>ragged</c>: <see cref="Rows"/> sequences with any
/// number of new tokens each.</summary>
/// <param name="ExpertsPerToken">Of a BTX model with k built into the graph: that k. Null: k is an input, or the model is dense.</param>
public sealed record ServedGraph(string Form, int Rows, string File, string Sha256, int? ExpertsPerToken = null)
{
    public const string Decode = "decode";
    public const string Ragged = "ragged";
}

/// <summary>The weights in a served graph are placeholders into a file of zero bytes; whoever opens a session overrides each by its Hugging
/// Face name (<c>SessionOptions.AddInitializer</c>) and sets these entries.</summary>
public static class PlaceholderWeights
{
    /// <param name="precision">The manifest's.</param>
    public static IEnumerable<(string Key, string Value)> SessionEntries(string precision)
    {
        // On the CPU this optimizer would read fp16 weights at load, to cast them once, and fail: the placeholders have no data.
        yield return ("optimization.disable_specified_optimizers", "FuseFp16InitializerToFp32NodeTransformer");
        // The CPU's fp16 norms cannot share prepacked weights between sessions, and fp16 has no matrix product there to prepack for.
        if (precision == "fp16") yield return ("session.disable_prepacking", "1");
    }
}
