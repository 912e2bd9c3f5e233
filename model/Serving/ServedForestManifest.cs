namespace Btx.Model.Serving;

/// <summary>The contents of <c>served.json</c>, what the exporter makes of a forest.</summary>
public sealed record ServedForestManifest : ServedManifest
{
    public const string FileName = "served.json";

    public required IReadOnlyList<ServedExpert> Experts { get; init; }

    /// <summary>Reads and validates the manifest of a served forest.</summary>
    /// <param name="trees">False: no expert's directory is looked at. One that was removed, or is quarantined, may hold anything; who
    /// opens one looks at it then.</param>
    /// <exception cref="BtxException">Missing or invalid; names the first problem.</exception>
    public static ServedForestManifest Load(string directory, bool trees = true)
    {
        var path = Path.Combine(directory, FileName);
        if (File.Exists(path)) return Parse(BoundedFile.Read(path), path, directory, trees);
        throw new BtxException(File.Exists(Path.Combine(directory, ForestManifest.FileName))
            ? $"{path}: not found; {directory} is a forest that was not exported; run: btx export --forest {directory} --out SERVED"
            : $"{path}: not found; is {directory} a served forest? `btx export --forest F --out {directory}` makes one");
    }

    /// <param name="root">Directory that paths are resolved against and checked to stay inside; null leaves them unresolved.</param>
    /// <param name="trees">See <see cref="Load"/>.</param>
    public static ServedForestManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null, bool trees = true)
    {
        var m = ManifestJson.Read<ServedForestManifest>(json, source, "a valid served-forest manifest");
        if (m.Problem("forest", [.. m.Experts.Select(e => e is null ? ((string, string)?)null : (e.Name, e.Domain))],
            ForestManifestRules.MaxExperts) is { } problem)
            throw new BtxException($"{source}: {problem}");
        if (root is null) return m;
        foreach (var graph in m.Graphs) ContainedPath.Resolve(root, graph.File, source);
        foreach (var e in trees ? m.Experts : []) FolderTree.Check(m.Resolve(root, e.InSource, e.Path, source), source);
        return m;
    }

    /// <summary>Absolute path of an expert's weight directory.</summary>
    public string WeightsDirectory(string servedDirectory, ServedExpert expert) =>
        Resolve(servedDirectory, expert.InSource, expert.Path, FileName);

    /// <summary>Writes the manifest into a directory, whole or not at all.</summary>
    public void Save(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));
}

/// <summary>An expert as the server loads it.</summary>
public sealed record ServedExpert
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>Directory with the weights (a Hugging Face model directory). With <see cref="InSource"/> it is relative to the source
    /// forest and is the expert's own checkpoint, bound without a copy; otherwise relative to the served manifest (converted
    /// weights).</summary>
    public required string Path { get; init; }

    public bool InSource { get; init; } = true;

    /// <summary>SHA-256 (hex) of the weight files in <see cref="Path"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Largest |graph − reference| / max|reference| of the logits on the exporter's check prompt.</summary>
    public double MaxRelativeDifference { get; init; }

    /// <summary>Mean Kullback-Leibler divergence in nats of int8 and int4 from the stored weights, on a passage of English.</summary>
    public double QuantisationLoss { get; init; }
}
