using Btx.Model.Configuration;
using Btx.Model.Moe;

namespace Btx.Model.Serving;

/// <summary>The contents of <c>served-btx.json</c>, what the exporter makes of a BTX model (any Mixtral directory). Graphs have the forms
/// of a forest's, and besides: an output <c>router_gates</c> fp32 [T, L, N] (T tokens in the order of the input), and, where
/// <see cref="ServedGraph.ExpertsPerToken"/> is null, an input <c>experts_per_token</c> int64 [T], 1..N for each token.</summary>
public sealed record ServedMoeManifest : ServedManifest
{
    public const string FileName = "served-btx.json";

    /// <summary>Every tensor of every file is bound; of two with one name, the later.</summary>
    public required IReadOnlyList<ServedWeights> Weights { get; init; }

    /// <summary>By index.</summary>
    public required IReadOnlyList<ServedMoeExpert> Experts { get; init; }

    public required BtxRouter Router { get; init; }

    /// <summary>SHA-256 (hex) of <see cref="RouterStatistics.FileName"/> beside the manifest, from which routers are fitted when the BTX
    /// model is mixed again with other experts; <see cref="BtxManifest.FileName"/> beside it has the lineage. Null: the source has
    /// none.</summary>
    public string? RouterStatisticsSha256 { get; init; }

    /// <summary>Largest |graph − reference| / max|reference| of the logits on the exporter's check prompt, the reference reading the same
    /// (dequantised) weights.</summary>
    public double MaxRelativeDifference { get; init; }

    /// <summary>Mean KL divergence in nats of the served from the fp32 next-token distribution on the check prompt; 0 for fp32.</summary>
    public double QuantisationLoss { get; init; }

    /// <exception cref="BtxException">Missing or invalid; names the first problem.</exception>
    public static ServedMoeManifest Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return File.Exists(path) ? Parse(BoundedFile.Read(path), path, directory)
            : throw new BtxException($"{path}: not found; {Remedy(directory)}");
    }

    /// <param name="root">Directory that paths are resolved against and checked to stay inside; null leaves them unresolved.</param>
    public static ServedMoeManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null)
    {
        var m = ManifestJson.Read<ServedMoeManifest>(json, source, "a valid served-BTX manifest");
        if (m.Problem() is { } problem) throw new BtxException($"{source}: {problem}");
        if (root is null) return m;
        foreach (var graph in m.Graphs) ContainedPath.Resolve(root, graph.File, source);
        foreach (var weights in m.Weights) m.Resolve(root, weights.InSource, weights.Path, source);
        return m;
    }

    /// <summary>Absolute path of a weight file.</summary>
    public string WeightsFile(string servedDirectory, ServedWeights weights) =>
        Resolve(servedDirectory, weights.InSource, weights.Path, FileName);

    /// <summary>Writes the manifest into a directory, whole or not at all.</summary>
    public void Save(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));

    // An export refuses to replace a model, so its directory is no place to suggest.
    private static string Remedy(string directory)
    {
        if (!File.Exists(Path.Combine(directory, LlamaConfig.FileName)))
            return $"is {directory} a served BTX model? `btx export --btx MODEL --out {directory}` makes one";
        try
        {
            return LlamaConfig.Load(directory).Moe is null
                ? $"{directory} is a dense model, no BTX model; `btx train mix` makes one, and "
                    + "`btx export --btx MODEL --out SERVED` exports it"
                : $"{directory} is a BTX model that was not exported; run: btx export --btx {directory} --out SERVED";
        }
        catch (BtxException e)
        {
            return $"{directory} holds a model that was not exported, and its config cannot be read ({e.Message})";
        }
    }

    private string? Problem()
    {
        var experts = Experts.Select(e => e is null ? ((string, string)?)null : (e.Name, e.Domain));
        if (Problem("BTX model", [.. experts], MoeConfig.MaxExperts) is { } common) return common;
        if (Experts.Any(e => e.Source is { } source && (source.Length == 0 || source.Any(char.IsControl))))
            return "the source of an expert is no path";
        if (RouterStatisticsSha256 is { } statistics && !ForestManifestRules.IsHash(statistics))
            return "router_statistics_sha256 is not a SHA-256";
        if (Router.ExpertsPerToken < 1 || Router.ExpertsPerToken > Experts.Count)
            return $"router: experts_per_token is {Router.ExpertsPerToken}; expected 1..{Experts.Count}";
        if (Weights.Count == 0 || Weights.Any(w => w is null || !ForestManifestRules.IsHash(w.Sha256)))
            return "weights is empty, or a file of it has no SHA-256";
        return Graphs.Any(g => g.ExpertsPerToken is { } k && (k < 1 || k > Experts.Count))
            ? $"a graph has experts_per_token outside 1..{Experts.Count}" : null;
    }
}

/// <summary>The expert of one index of a served BTX model.</summary>
/// <param name="Source">Model directory of one that is in no forest (the seed), relative to the manifest's directory or absolute.</param>
public sealed record ServedMoeExpert(string Name, string Domain, string? Source = null);

/// <summary>A safetensors file whose tensors are bound, each by its name, to the initializers of the served graphs.</summary>
public sealed record ServedWeights
{
    /// <summary>With <see cref="InSource"/> relative to the source model's directory; otherwise relative to the served manifest (converted
    /// weights).</summary>
    public required string Path { get; init; }

    public bool InSource { get; init; } = true;

    /// <summary>SHA-256 (hex) of the file.</summary>
    public required string Sha256 { get; init; }
}
