using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;

namespace Btx.Model.Serving;

/// <summary>
/// The contents of <c>served-btx.json</c>, what the exporter makes of a BTX model (any Mixtral directory). Graphs have the forms of a
/// forest's, and besides: an output <c>router_gates</c> fp32 [T, L, N] (T tokens in the order of the input), and, where
/// <see cref="ServedGraph.ExpertsPerToken"/> is null, an input <c>experts_per_token</c> int64 [T], 1..N for each token.
/// </summary>
public sealed record ServedMoeManifest
{
    public const string FileName = "served-btx.json";
    public const int CurrentSchema = 1;

    /// <summary>Of the weights; <c>int8</c> and <c>int4</c> are those of the experts, the rest is fp32 then. The KV cache is
    /// fp16 for <c>fp16</c>, fp32 otherwise.</summary>
    public static IReadOnlyList<string> Precisions { get; } = ["fp32", "fp16", "int8", "int4"];

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The BTX model's directory, relative to this manifest's directory or absolute.</summary>
    public required string Source { get; init; }

    /// <summary>SHA-256 (hex) of the source's weight files.</summary>
    public required string SourceSha256 { get; init; }

    public required string Precision { get; init; }

    /// <summary><see cref="LlamaConfig.Fingerprint"/> of the mixture.</summary>
    public required string Architecture { get; init; }

    public required string Tokenizer { get; init; }

    public required IReadOnlyList<ServedGraph> Graphs { get; init; }

    /// <summary>Every tensor of every file is bound; of two with one name, the later.</summary>
    public required IReadOnlyList<ServedWeights> Weights { get; init; }

    /// <summary>By index.</summary>
    public required IReadOnlyList<ServedMoeExpert> Experts { get; init; }

    public required BtxRouter Router { get; init; }

    /// <summary>
    /// SHA-256 (hex) of <see cref="RouterStatistics.FileName"/> in the manifest's directory, from which
    /// routers are fitted when the mixture is made anew
    /// with other experts; <see cref="BtxManifest.FileName"/> beside it has the lineage. Null: the source has none.
    /// </summary>
    public string? RouterStatisticsSha256 { get; init; }

    /// <summary>Largest |graph − reference| / max|reference| of the logits on the exporter's check prompt, the reference
    /// reading the same (dequantised) weights.</summary>
    public double MaxRelativeDifference { get; init; }

    /// <summary>Mean KL divergence in nats of the served from the fp32 next-token distribution on the check prompt; 0 for fp32.</summary>
    public double QuantisationLoss { get; init; }

    /// <exception cref="BtxException">Missing or invalid.</exception>
    public static ServedMoeManifest Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new BtxException($"{path}: not found; {Remedy(directory)}");
        return Parse(BoundedFile.Read(path), path, directory);
    }

    /// <param name="source">Named in errors.</param>
    /// <param name="root">Directory that paths are resolved against and checked to stay inside; null leaves them unresolved.</param>
    /// <exception cref="BtxException">Invalid; names the first fault.</exception>
    public static ServedMoeManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null)
    {
        var m = ManifestJson.Read<ServedMoeManifest>(json, source, "a valid served-BTX manifest");

        if (Problem(m) is { } problem) throw new BtxException($"{source}: {problem}");
        if (root is not null)
        {
            foreach (var graph in m.Graphs) ContainedPath.Resolve(root, graph.File, source);
            foreach (var weights in m.Weights)
                ContainedPath.Resolve(weights.InSource ? m.SourceDirectory(root) : root, weights.Path, source);
        }

        return m;
    }

    /// <summary>Absolute path of the source model.</summary>
    public string SourceDirectory(string servedDirectory) => Path.GetFullPath(Path.Combine(Path.GetFullPath(servedDirectory), Source));

    /// <summary>Absolute path of a weight file.</summary>
    public string WeightsFile(string servedDirectory, ServedWeights weights) =>
        ContainedPath.Resolve(weights.InSource ? SourceDirectory(servedDirectory) : Path.GetFullPath(servedDirectory),
        weights.Path, FileName);

    /// <summary>Writes the manifest into a directory, whole or not at all.</summary>
    /// <exception cref="BtxException">It cannot be written.</exception>
    public void Save(string directory) =>
        ManifestJson.Save(this, Path.Combine(directory, FileName));

    // An export refuses to replace a model, so its directory is no place to suggest.
    private static string Remedy(string directory)
    {
        if (!File.Exists(Path.Combine(directory, LlamaConfig.FileName)))
            return $"is {directory} a served BTX model? `btx export --btx MODEL --out {directory}` makes one";
        try
        {
            return LlamaConfig.Load(directory).Moe is null
                ? $"{directory} is a dense model, no BTX model; `btx train mix` makes one and `btx "
                    + "export --btx MODEL --out SERVED` serves it"
                : $"{directory} is a BTX model that was not exported; run: btx export --btx {directory} --out SERVED";
        }
        catch (BtxException e)
        {
            return $"{directory} holds a model that was not exported, and its config cannot be read ({e.Message})";
        }
    }

    private static string? Problem(ServedMoeManifest m)
    {
        if (m.Schema != CurrentSchema) return $"schema is {m.Schema}; this version reads {CurrentSchema}; export again";
        if (!Precisions.Contains(m.Precision))
            return $"precision \"{BtxException.OneLine(m.Precision)}\" is unknown; use {string.Join(", ", Precisions)}";
        if (string.IsNullOrWhiteSpace(m.Source) || m.Source.Any(char.IsControl))
            return "source is empty or has a control character; expected the BTX model's directory";
        if (!ForestManifestRules.IsHash(m.SourceSha256) || !ForestManifestRules.IsHash(m.Architecture)
            || !ForestManifestRules.IsHash(m.Tokenizer))
            return "source_sha256, architecture or tokenizer is not a SHA-256";
        if (m.Experts.Count is 0 or > MoeConfig.MaxExperts) return $"{m.Experts.Count} experts; expected 1..{MoeConfig.MaxExperts}";
        if (m.Experts.Any(e => e is null || !ForestManifestRules.IsName(e.Name) || !ForestManifestRules.IsName(e.Domain)))
            return "an expert has no valid name or domain";
        if (m.Experts.Select(e => e.Name).Distinct().Count() != m.Experts.Count) return "an expert is listed twice";
        if (m.Experts.Any(e => e.Source is { } source && (source.Length == 0 || source.Any(char.IsControl))))
            return "the source of an expert is no path";
        if (m.RouterStatisticsSha256 is { } statistics && !ForestManifestRules.IsHash(statistics))
            return "router_statistics_sha256 is not a SHA-256";
        if (m.Router.ExpertsPerToken < 1 || m.Router.ExpertsPerToken > m.Experts.Count)
            return $"router: experts_per_token is {m.Router.ExpertsPerToken}; expected 1..{m.Experts.Count}";
        if (m.Weights.Count == 0 || m.Weights.Any(w => w is null || !ForestManifestRules.IsHash(w.Sha256)))
            return "weights is empty, or a file of it has no SHA-256";
        if (m.Graphs.Any(g => g is null || g.Form is not (ServedGraph.Decode or ServedGraph.Ragged) || g.Rows is < 0 or > 1024))
            return "a graph has an unknown form or row count";
        if (m.Graphs.Any(g => g.ExpertsPerToken is { } k && (k < 1 || k > m.Experts.Count)))
            return $"a graph has experts_per_token outside 1..{m.Experts.Count}";
        return m.Graphs.Any(g => g.Form == ServedGraph.Ragged && g.Rows == 1) ? null : "lists no ragged graph of one row; export again";
    }
}

/// <summary>The expert of one index of a served mixture.</summary>
/// <param name="Source">Model directory of one that is in no forest (the seed), relative to the manifest's directory or absolute.</param>
public sealed record ServedMoeExpert(string Name, string Domain, string? Source = null);
