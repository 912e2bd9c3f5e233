using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora;

/// <summary><c>corpus.json</c>: which domains a corpus directory holds, where each came from and what its shards hash to.</summary>
public sealed partial record CorpusManifest(int Schema, IReadOnlyList<CorpusDomain> Domains)
{
    public const int CurrentSchema = 1;
    public const string FileName = "corpus.json";

    public static CorpusManifest Empty { get; } = new(CurrentSchema, []);

    /// <summary>Reads and validates a manifest; whether the shards are there is checked when a corpus is opened.</summary>
    /// <exception cref="BtxException">Missing, not JSON of this form, or it names a path outside the directory.</exception>
    public static CorpusManifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
            throw new BtxException($"{directory} is no corpus: it has no {FileName}; make one: btx corpus --set demo --out {directory}");
        return Parse(BoundedFile.Read(path), path, directory);
    }

    /// <summary>Parses and validates a manifest's bytes; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="BtxException">Not JSON of this form, or a value that cannot be.</exception>
    public static CorpusManifest Parse(ReadOnlySpan<byte> json, string source, string directory)
    {
        var manifest = ManifestJson.Read<CorpusManifest>(json, source, "a corpus manifest");
        if (manifest.Schema != CurrentSchema)
            throw new BtxException($"{source}: schema is {manifest.Schema}, expected {CurrentSchema}; make it again with btx corpus");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var domain in manifest.Domains)
        {
            if (domain is null) throw new BtxException($"{source}: a domain is null");
            CheckName(domain.Name, source);
            if (!names.Add(domain.Name)) throw new BtxException($"{source}: domain {domain.Name} stands twice");
            foreach (var split in Enum.GetValues<CorpusSplit>())
            {
                var shard = domain[split];
                var label = $"{source}: domain {domain.Name}: {split.ToString().ToLowerInvariant()}";
                ContainedPath.Resolve(directory, shard.Path, source);
                if (shard.Documents < 0 || shard.Bytes < 0 || shard.FileBytes < 0) throw new BtxException($"{label}: a count is negative");
                if (!ForestManifestRules.IsHash(shard.Sha256)) throw new BtxException($"{label}: sha256 is not 64 lower-case hex digits");
            }

            if (domain.Sources.Any(s => s is null)) throw new BtxException($"{source}: domain {domain.Name}: a source is null");
        }

        return manifest;
    }

    /// <summary>Writes the manifest whole or not at all.</summary>
    public void Write(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));

    /// <exception cref="BtxException">The name could not serve as a folder name on every system.</exception>
    public static void CheckName(string name, string source)
    {
        if (!NamePattern.IsMatch(name))
            throw new BtxException($"{source}: domain name \"{BtxException.OneLine(name)}\" is not one: use 1 to 64 of a-z, 0-9, "
                + "'-', '_' and '.', a letter or digit first and last");
        if (Reserved.IsMatch(name)) throw new BtxException($"{source}: domain name \"{name}\" is reserved; choose another");
    }

    [GeneratedRegex(@"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?\z")] private static partial Regex NamePattern { get; }
    // The manifest's own file, the name that lineages give to the seed, experts of --random-split, and what Windows keeps for devices.
    [GeneratedRegex(@"^(corpus\.json|seed|split-[0-9]+|(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?)\z")]
    private static partial Regex Reserved { get; }
}

/// <summary>One domain of a corpus: a body of text defined by where it comes from. Bytes are of UTF-8 text, in all splits.</summary>
/// <param name="RecipeVersion">Version of the extraction and cleaning rules; another version means other text.</param>
/// <param name="LimitBytes">Cap on the text, or null for all of it.</param>
public sealed record CorpusDomain(string Name, CorpusRole Role, IReadOnlyList<CorpusSource> Sources, string Licence, int RecipeVersion,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? LimitBytes, long Documents, long Bytes,
    CorpusShard Train, CorpusShard Validation, CorpusShard Test)
{
    /// <summary>What was left out of a folder of the user's own and why, and what else they should know of it.</summary>
    public IReadOnlyList<CorpusNote> Notes { get; init; } = [];

    /// <summary>Sources on one line: <c>apt bible-kjv-text 4.38, apt bible-kjv 4.38</c>.</summary>
    [JsonIgnore]
    public string Source => string.Join(", ", Sources.Select(s => $"{s.Kind} {s.Name} {s.Version}".TrimEnd()));

    /// <summary>SHA-256 of the training shard: what an expert of this domain records as its corpus.</summary>
    [JsonIgnore]
    public string Sha256 => Train.Sha256;

    public CorpusShard this[CorpusSplit split] => split switch
    {
        CorpusSplit.Train => Train,
        CorpusSplit.Validation => Validation,
        _ => Test,
    };
}

/// <summary>Where a domain's text was taken from.</summary>
/// <param name="Kind"><c>apt</c>, <c>npm</c> or <c>folder</c>.</param>
/// <param name="Version">Package version; empty for a folder.</param>
/// <param name="Sha256">Of the package archive; for a folder, of its files' names and contents.</param>
public sealed record CorpusSource(string Kind, string Name, string Version, string Sha256);

/// <summary>One document: an id that is unique in its domain and stable from run to run, and its text.</summary>
public sealed record CorpusDocument(string Id, string Text);

/// <summary>One split of one domain on disk.</summary>
/// <param name="Path">File, relative to the corpus directory, with '/' between the parts.</param>
/// <param name="Bytes">UTF-8 bytes of the documents' texts (without JSON's own characters).</param>
/// <param name="Sha256">Lower-case hex, of the file.</param>
public sealed record CorpusShard(string Path, long Documents, long Bytes, long FileBytes, string Sha256);

/// <summary>The three disjoint parts of a domain's documents.</summary>
public enum CorpusSplit { Train, Validation, Test }

/// <summary>What a domain is for: <see cref="Train"/> domains get an expert, <see cref="Eval"/> domains are only measured.</summary>
[JsonConverter(typeof(RoleConverter))]
public enum CorpusRole { Train, Eval }

internal sealed class RoleConverter() : JsonStringEnumConverter<CorpusRole>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
