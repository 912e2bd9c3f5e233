using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Model.Serving;

/// <summary>
/// The contents of <c>served.json</c>, the exporter's output. Graph files and converted weights lie inside its directory; the one path that
/// may point elsewhere is <see cref="Source"/>, the forest it was exported from, whose manifest must have the recorded hash.
/// </summary>
public sealed record ServedForestManifest
{
    public const string FileName = "served.json";
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The source forest's directory, relative to this manifest's directory or absolute.</summary>
    public required string Source { get; init; }

    /// <summary><see cref="ForestManifest.Hash"/> of the source at export.</summary>
    public required string SourceSha256 { get; init; }

    /// <summary><c>fp32</c> or <c>fp16</c>: weights and KV cache. Logits leave the graph as fp32 either way.</summary>
    public required string Precision { get; init; }

    public required string Architecture { get; init; }

    public required string Tokenizer { get; init; }

    public required IReadOnlyList<ServedGraph> Graphs { get; init; }

    public required IReadOnlyList<ServedExpert> Experts { get; init; }

    /// <summary>Reads and validates the manifest of a served forest.</summary>
    /// <param name="trees">False: no expert's directory is looked at. One that was removed, or is quarantined, may hold anything; who
    /// opens one looks at it then.</param>
    /// <exception cref="BtxException">Missing or invalid.</exception>
    public static ServedForestManifest Load(string directory, bool trees = true)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            throw new BtxException(File.Exists(Path.Combine(directory, ForestManifest.FileName))
                ? $"{path}: not found; {directory} is a forest that was not exported; run: btx export --forest {directory} --out SERVED"
                : $"{path}: not found; is {directory} a served forest? `btx export --forest F --out {directory}` makes one");
        }

        return Parse(BoundedFile.Read(path), path, directory, trees);
    }

    /// <param name="source">Named in errors.</param>
    /// <param name="root">Directory that paths are resolved against and checked to stay inside; null leaves them unresolved.</param>
    /// <param name="trees">See <see cref="Load"/>.</param>
    /// <exception cref="BtxException">Invalid; names the first fault.</exception>
    public static ServedForestManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null, bool trees = true)
    {
        var manifest = ManifestJson.Read<ServedForestManifest>(json, source, "a valid served-forest manifest");

        if (manifest.Schema != CurrentSchema)
            throw new BtxException($"{source}: schema is {manifest.Schema}; this version reads {CurrentSchema}; export again");
        if (manifest.Precision is not ("fp32" or "fp16"))
            throw new BtxException($"{source}: precision \"{BtxException.OneLine(manifest.Precision)}\" is unknown; use fp32 or fp16");
        if (string.IsNullOrWhiteSpace(manifest.Source) || manifest.Source.Any(char.IsControl))
            throw new BtxException($"{source}: source is empty or has a control character; expected the forest's directory");
        if (manifest.Experts.Count is 0 or > ForestManifestRules.MaxExperts)
            throw new BtxException($"{source}: {manifest.Experts.Count} experts; expected 1..{ForestManifestRules.MaxExperts}");
        if (manifest.Experts.Any(e => e is null || !ForestManifestRules.IsName(e.Name) || !ForestManifestRules.IsName(e.Domain)))
            throw new BtxException($"{source}: an expert has no valid name or domain");
        if (!ForestManifestRules.IsHash(manifest.SourceSha256) || !ForestManifestRules.IsHash(manifest.Architecture)
            || !ForestManifestRules.IsHash(manifest.Tokenizer))
            throw new BtxException($"{source}: source_sha256, architecture or tokenizer is not a SHA-256");
        if (manifest.Experts.Select(e => e.Name).Distinct().Count() != manifest.Experts.Count)
            throw new BtxException($"{source}: an expert is listed twice");
        if (manifest.Graphs.Any(g => g is null || g.Form is not (ServedGraph.Decode or ServedGraph.Ragged) || g.Rows is < 0 or > 1024))
            throw new BtxException($"{source}: a graph has an unknown form or row count");
        if (!manifest.Graphs.Any(g => g.Form == ServedGraph.Ragged && g.Rows == 1))
            throw new BtxException($"{source}: lists no ragged graph of one row; export again");
        if (root is not null)
        {
            foreach (var graph in manifest.Graphs) ContainedPath.Resolve(root, graph.File, source);
            foreach (var expert in trees ? manifest.Experts : [])
                FolderTree.Check(ContainedPath.Resolve(expert.InSource ? manifest.SourceDirectory(root) : root, expert.Path,
                    source), source);
        }

        return manifest;
    }

    /// <summary>Absolute path of the source forest.</summary>
    public string SourceDirectory(string servedDirectory) => Path.GetFullPath(Path.Combine(Path.GetFullPath(servedDirectory), Source));

    /// <summary>Absolute path of an expert's weight directory.</summary>
    public string WeightsDirectory(string servedDirectory, ServedExpert expert) =>
        ContainedPath.Resolve(expert.InSource ? SourceDirectory(servedDirectory) : Path.GetFullPath(servedDirectory),
        expert.Path, FileName);

    /// <summary>Writes the manifest into a directory, whole or not at all.</summary>
    /// <exception cref="BtxException">It cannot be written.</exception>
    public void Save(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));
}

/// <summary>An expert as the server loads it.</summary>
public sealed record ServedExpert
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>
    /// Directory with the weights (a Hugging Face model directory). With <see cref="InSource"/> it is relative to the source forest and is
    /// the expert's own checkpoint, bound without a copy; otherwise relative to the served manifest (converted weights).
    /// </summary>
    public required string Path { get; init; }

    public bool InSource { get; init; } = true;

    /// <summary>SHA-256 (hex) of the weight files in <see cref="Path"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Largest |graph − reference| / max|reference| of the logits on the exporter's check prompt.</summary>
    public double MaxRelativeDifference { get; init; }
}

/// <summary>An ONNX graph of a served forest. <c>decode</c>: one new token on each of B contiguous slots. <c>ragged</c>: <see cref="Rows"/>
/// sequences with any number of new tokens each.</summary>
/// <param name="ExpertsPerToken">For a mixture whose k is built into the graph: that k. Null: k is an input, or the model is dense.</param>
public sealed record ServedGraph(string Form, int Rows, string File, string Sha256, int? ExpertsPerToken = null)
{
    public const string Decode = "decode";
    public const string Ragged = "ragged";
}

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

/// <summary>The weights in a served graph are placeholders into a file of zero bytes; whoever opens a session overrides each by its Hugging
/// Face name (<c>SessionOptions.AddInitializer</c>) and sets these entries.</summary>
public static class PlaceholderWeights
{
    /// <param name="precision">The manifest's: <c>fp32</c> or <c>fp16</c>.</param>
    public static IEnumerable<(string Key, string Value)> SessionEntries(string precision)
    {
        // On the CPU this optimizer would read fp16 weights at load, to cast them once, and fail: the placeholders have no data.
        yield return ("optimization.disable_specified_optimizers", "FuseFp16InitializerToFp32NodeTransformer");
        // The CPU's fp16 norms cannot share prepacked weights between sessions, and fp16 has no matrix product there to prepack for.
        if (precision == "fp16") yield return ("session.disable_prepacking", "1");
    }
}
