using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Btx.Model.Files;

namespace Btx.Trainer.Corpora;

/// <summary><c>corpus.json</c>: which domains a corpus directory holds, where each came from and what its shards hash to.</summary>
/// <param name="Schema">Version of this file's form; <see cref="CurrentSchema"/>.</param>
/// <param name="Domains">In the order in which they were asked for.</param>
public sealed partial record CorpusManifest(int Schema, IReadOnlyList<CorpusDomain> Domains)
{
    public const int CurrentSchema = 1;
    public const string FileName = "corpus.json";
    private const long MaximumBytes = 16 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter<CorpusRole>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    public static CorpusManifest Empty { get; } = new(CurrentSchema, []);

    /// <summary>Reads and validates a manifest; whether the shards are there is checked when a corpus is opened.</summary>
    /// <exception cref="BtxException">Missing, not JSON of this form, or it names a path outside the directory.</exception>
    public static CorpusManifest Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaximumBytes })
                throw new BtxException($"{path}: larger than {MaximumBytes} bytes; not a corpus manifest");
            return Parse(File.ReadAllBytes(path), path, directory);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BtxException(
                $"{directory} is not a corpus: it has no {FileName}; make one with: btx corpus --set demo --out {directory}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot read {path}: {e.Message}", e);
        }
    }

    /// <summary>Parses and validates a manifest's bytes; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="BtxException">Not JSON of this form, or a value that cannot be.</exception>
    public static CorpusManifest Parse(ReadOnlySpan<byte> json, string source, string directory)
    {
        CorpusManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<CorpusManifest>(json, Json) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            throw new BtxException($"{source}: not a corpus manifest: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        if (manifest.Schema != CurrentSchema)
            throw new BtxException($"{source}: schema is {manifest.Schema}; this program reads {CurrentSchema}: "
                + "make the corpus anew with btx corpus");
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
                if (!HashPattern().IsMatch(shard.Sha256)) throw new BtxException($"{label}: sha256 is not 64 lower-case hex digits");
            }

            if (domain.Sources.Any(s => s is null)) throw new BtxException($"{source}: domain {domain.Name}: a source is null");
        }

        return manifest;
    }

    /// <summary>Writes the manifest whole or not at all.</summary>
    public void Write(string directory) =>
        AtomicFile.WriteText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, Json) + "\n");

    /// <exception cref="BtxException">The name could not serve as a folder name on every system.</exception>
    public static void CheckName(string name, string source)
    {
        if (!NamePattern().IsMatch(name))
            throw new BtxException($"{source}: domain name \"{BtxException.OneLine(name)}\" is not one: use 1 to 64 of a-z, 0-9, "
                + "'-', '_' and '.', a letter or digit first and last");
        if (Reserved().IsMatch(name)) throw new BtxException($"{source}: domain name \"{name}\" is reserved; choose another");
    }

    [GeneratedRegex(@"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?\z")]
    private static partial Regex NamePattern();

    // The manifest's own file, the name that lineages give to the seed, experts of --random-split, and what Windows keeps for devices.
    [GeneratedRegex(@"^(corpus\.json|seed|split-[0-9]+|(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?)\z")]
    private static partial Regex Reserved();

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex HashPattern();
}
