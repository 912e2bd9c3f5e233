using System.Security.Cryptography;
using System.Text.Json;
using Btx.Model.Files;

namespace Btx.Model.Forests;

/// <summary>The contents of <c>forest.json</c>. Immutable; a change makes a new one, which is written whole.</summary>
public sealed record ForestManifest
{
    public const string FileName = "forest.json";
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary><see cref="Configuration.LlamaConfig.Fingerprint"/> that all experts share.</summary>
    public required string Architecture { get; init; }

    /// <summary>Tokenizer hash that all experts share.</summary>
    public required string Tokenizer { get; init; }

    public IReadOnlyList<ExpertEntry> Experts { get; init; } = [];

    /// <exception cref="BtxException">No expert has that name; the message lists those there are.</exception>
    public ExpertEntry Expert(string name) =>
        Experts.FirstOrDefault(e => e.Name == name)
        ?? throw new BtxException($"no expert \"{name}\" in the forest; it has {string.Join(", ", Experts.Select(e => e.Name))}");

    /// <summary>The experts that are ready and have their files. An expert whose directory is
    /// gone, as a purge leaves it, is omitted.</summary>
    /// <param name="directory">Of the forest.</param>
    /// <param name="note">Told of each expert that is omitted, in one line.</param>
    public ExpertEntry[] Present(string directory, Action<string> note)
    {
        var present = new List<ExpertEntry>();
        foreach (var expert in Experts.Where(e => e.Status == ExpertStatus.Ready))
        {
            if (Directory.Exists(ContainedPath.Resolve(directory, expert.Path, Path.Combine(directory, FileName)))) present.Add(expert);
            else
                note(
                    $"note: expert \"{expert.Name}\" is left out: {Path.Combine(directory, expert.Path)} "
                        + "is gone, as after a removal with --purge");
        }

        return [.. present];
    }

    /// <summary>The recorded prior of a domain over some of the experts: entries for others are
    /// dropped, the rest rescaled to sum to 1.</summary>
    /// <param name="experts">Names.</param>
    /// <returns>Length of <paramref name="experts"/>; null if no expert of the domain records a
    /// prior that gives any of them weight.</returns>
    public double[]? Prior(string domain, IReadOnlyList<string> experts)
    {
        foreach (var entry in Experts)
        {
            if (entry.Domain != domain || entry.Prior is not { } prior) continue;
            double[] weights = [.. experts.Select(e => prior.GetValueOrDefault(e))];
            var sum = weights.Sum();
            if (sum > 0) return [.. weights.Select(w => w / sum)];
        }

        return null;
    }

    /// <summary>Every domain's recorded prior over some of the experts, see <see cref="Prior"/>;
    /// domains in the order of the manifest.</summary>
    public IReadOnlyDictionary<string, double[]> Priors(IReadOnlyList<string> experts)
    {
        var priors = new Dictionary<string, double[]>(StringComparer.Ordinal);
        foreach (var domain in Experts.Select(e => e.Domain).Distinct())
        {
            if (Prior(domain, experts) is { } prior) priors.Add(domain, prior);
        }

        return priors;
    }

    /// <summary>Reads and validates <c>forest.json</c> in <paramref name="directory"/>.</summary>
    /// <exception cref="BtxException">Missing or invalid; all faults of the manifest are in the one message.</exception>
    public static ForestManifest Load(string directory) => Load(directory, trees: true);

    /// <inheritdoc cref="Load(string)"/>
    /// <param name="trees">False: no expert's path is resolved or looked at; who opens one does it then.</param>
    public static ForestManifest Load(string directory, bool trees)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new BtxException($"{path}: not found; is {directory} a forest? `btx train round` makes one");
        return Parse(BoundedFile.Read(path), path, trees ? directory : null);
    }

    /// <param name="root">Directory that paths must stay inside; null leaves paths unresolved.</param>
    public static ForestManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null)
    {
        var manifest = ManifestJson.Read<ForestManifest>(json, source, "a valid forest manifest");

        var problems = ForestManifestRules.Problems(manifest, source, root).ToList();
        if (problems.Count > 0) throw new BtxException($"{source}: {string.Join("; ", problems)}");
        return manifest;
    }

    /// <summary>The canonical JSON, UTF-8: what <see cref="Hash"/> hashes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Options);

    /// <summary>SHA-256 (hex) of the canonical JSON.</summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(ToJson()));

    /// <summary>Validates, then writes <c>forest.json</c> into a directory, whole or not at all.</summary>
    /// <exception cref="BtxException">The manifest has faults, all named, or it cannot be written.</exception>
    public void Save(string directory)
    {
        var problems = ForestManifestRules.Problems(this, FileName, directory).ToList();
        if (problems.Count > 0) throw new BtxException($"{FileName}: {string.Join("; ", problems)}");
        ManifestJson.Save(this, Path.Combine(directory, FileName));
    }

    /// <summary>Adds an expert or replaces the one of the same name.</summary>
    public ForestManifest With(ExpertEntry entry) => this with { Experts = [.. Experts.Where(e => e.Name != entry.Name), entry] };
}
