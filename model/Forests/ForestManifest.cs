using System.Text.Json;
using System.Text.Json.Serialization;

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
        var ready = Experts.Where(e => e.Status == ExpertStatus.Ready)
            .ToLookup(e => Directory.Exists(ContainedPath.Resolve(directory, e.Path, Path.Combine(directory, FileName))));
        foreach (var e in ready[false])
            note($"note: expert \"{e.Name}\" is left out: {Path.Combine(directory, e.Path)} is gone, as after a removal with --purge");
        return [.. ready[true]];
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

    /// <summary>Every domain's recorded prior over some of the experts, see <see cref="Prior"/>; domains in the order of the
    /// manifest.</summary>
    public IReadOnlyDictionary<string, double[]> Priors(IReadOnlyList<string> experts)
    {
        var priors = new Dictionary<string, double[]>(StringComparer.Ordinal);
        foreach (var domain in Experts.Select(e => e.Domain).Distinct())
            if (Prior(domain, experts) is { } prior) priors.Add(domain, prior);

        return priors;
    }

    /// <summary>Reads and validates <c>forest.json</c> in <paramref name="directory"/>.</summary>
    /// <param name="trees">False: no expert's path is resolved or looked at; who opens one does it then.</param>
    /// <exception cref="BtxException">Missing or invalid; all problems of the manifest are in the one message.</exception>
    public static ForestManifest Load(string directory, bool trees = true)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new BtxException($"{path}: not found; is {directory} a forest? `btx train round` makes one");
        return Parse(BoundedFile.Read(path), path, trees ? directory : null);
    }

    /// <param name="root">Directory that paths must stay inside; null leaves paths unresolved.</param>
    public static ForestManifest Parse(ReadOnlySpan<byte> json, string source, string? root = null) =>
        ManifestJson.Read<ForestManifest>(json, source, "a valid forest manifest").Valid(source, root);

    /// <summary>The canonical JSON, UTF-8: what <see cref="Hash"/> hashes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Options);

    /// <summary>SHA-256 (hex) of the canonical JSON.</summary>
    public string Hash() => ManifestJson.Hash(ToJson());

    /// <summary>Validates, then writes <c>forest.json</c> into a directory, whole or not at all.</summary>
    /// <exception cref="BtxException">The manifest has problems, all named, or it cannot be written.</exception>
    public void Save(string directory) => ManifestJson.Save(Valid(FileName, directory), Path.Combine(directory, FileName));

    /// <summary>Adds an expert or replaces the one of the same name.</summary>
    public ForestManifest With(ExpertEntry entry) => this with { Experts = [.. Experts.Where(e => e.Name != entry.Name), entry] };

    private ForestManifest Valid(string source, string? root)
    {
        var problems = string.Join("; ", ForestManifestRules.Problems(this, source, root));
        return problems.Length == 0 ? this : throw new BtxException($"{source}: {problems}");
    }
}

/// <summary>One expert of a forest and where it comes from.</summary>
public record ExpertEntry
{
    /// <summary>Lower-case letters, digits, <c>.</c>, <c>_</c>, <c>-</c>; unique in the forest.</summary>
    [JsonPropertyOrder(-3)]
    public required string Name { get; init; }

    [JsonPropertyOrder(-2)]
    public required string Domain { get; init; }

    /// <summary>The model directory, relative to the manifest's.</summary>
    [JsonPropertyOrder(-1)]
    public required string Path { get; init; }

    /// <summary>SHA-256 (hex) of the weight files, see <see cref="Tensors.CheckpointFiles.Hash"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What the branch was averaged from; weights sum to 1. Empty: random initialisation.</summary>
    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>The round that made it, from 1.</summary>
    public int Round { get; init; } = 1;

    /// <summary>SHA-256 (hex) of the training shard; null for an expert that was imported.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>Training tokens after branching.</summary>
    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>The cached prior π of this expert's domain: weight per expert name, summing to 1 over the experts known when it was
    /// estimated (DEMix's cached prior). Null until it is estimated.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    public string Status { get; init; } = ExpertStatus.Ready;
}

/// <summary>One model that a branch was averaged from, and its share. <c>seed</c> names the seed model, never an expert.</summary>
/// <param name="Sha256">Of its weight files (hex): who is meant, whoever had the name before or
/// has it now; null: only the name is known.</param>
public sealed record ParentEntry(string Name, double Weight, string? Sha256 = null);

/// <summary>Names of <see cref="ExpertEntry.Status"/>.</summary>
public static class ExpertStatus
{
    public const string Ready = "ready";

    /// <summary>Listed, but gets no traffic.</summary>
    public const string Quarantined = "quarantined";
}

/// <summary>What must hold for a manifest; reports every problem, not only the first.</summary>
public static class ForestManifestRules
{
    public const int MaxExperts = 4096;

    /// <summary>True for a name of 1 to 64 lower-case letters, digits, <c>.</c>, <c>_</c>, <c>-</c> that starts with a letter or
    /// digit.</summary>
    public static bool IsName([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] string? name) =>
        name is { Length: > 0 and <= 64 } && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    /// <summary>Every problem of a manifest, one clause each.</summary>
    /// <param name="source">Named in errors of paths.</param>
    /// <param name="root">Directory that paths must stay inside; null leaves paths unresolved.</param>
    public static IEnumerable<string> Problems(ForestManifest manifest, string source, string? root)
    {
        if (manifest.Schema != ForestManifest.CurrentSchema)
            yield return $"schema is {manifest.Schema}; this version reads {ForestManifest.CurrentSchema}";
        if (!IsHash(manifest.Architecture)) yield return "architecture is not a SHA-256";
        if (!IsHash(manifest.Tokenizer)) yield return "tokenizer is not a SHA-256";
        if (manifest.Experts.Count > MaxExperts) yield return $"{manifest.Experts.Count} experts; at most {MaxExperts} are supported";
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in manifest.Experts)
        {
            if (e is null)
            {
                yield return "experts holds null";
                continue;
            }

            if (!IsName(e.Name)) yield return $"expert name \"{BtxException.OneLine(e.Name ?? "")}\" is not 1-64 of a-z 0-9 . _ -";
            else if (!names.Add(e.Name)) yield return $"expert \"{e.Name}\" is listed twice";
            foreach (var problem in ExpertProblems(e)) yield return $"expert \"{BtxException.OneLine(e.Name ?? "")}\": {problem}";
            if (root is not null && PathProblem(root, e.Path, source) is { } pathProblem) yield return pathProblem;
        }
    }

    private static IEnumerable<string> ExpertProblems(ExpertEntry e)
    {
        if (!IsName(e.Domain)) yield return $"domain \"{BtxException.OneLine(e.Domain ?? "")}\" is not 1-64 of a-z 0-9 . _ -";
        if (!IsHash(e.Sha256)) yield return "sha256 is not a SHA-256";
        if (e.CorpusSha256 is not null && !IsHash(e.CorpusSha256)) yield return "corpus_sha256 is not a SHA-256";
        if (e.Round < 0) yield return $"round is {e.Round}; expected 0 or more";
        if (e.Tokens < 0 || e.Steps < 0) yield return "tokens or steps is negative";
        if (e.Status is not (ExpertStatus.Ready or ExpertStatus.Quarantined))
            yield return $"status \"{BtxException.OneLine(e.Status ?? "")}\" is unknown; use ready or quarantined";
        var sum = 0.0;
        foreach (var p in e.Parents)
        {
            if (p is null || !IsName(p.Name)) yield return "a parent has no valid name";
            else if (p.Sha256 is not null && !IsHash(p.Sha256)) yield return $"sha256 of parent \"{p.Name}\" is not a SHA-256";
            else if (!(p.Weight is >= 0 and <= 1)) yield return $"parent \"{p.Name}\" has weight {p.Weight}; expected 0..1";
            else sum += p.Weight;
        }

        if (e.Parents.Count > 0 && Math.Abs(sum - 1) > 1e-6) yield return $"parent weights sum to {sum}; expected 1";
        if (e.Prior is null) yield break;
        var mass = 0.0;
        foreach (var (name, weight) in e.Prior)
        {
            if (!IsName(name) || !(weight is >= 0 and <= 1))
                yield return $"prior of \"{BtxException.OneLine(name)}\" is {weight}; expected 0..1";
            else mass += weight;
        }

        if (Math.Abs(mass - 1) > 1e-6) yield return $"prior sums to {mass}; expected 1";
    }

    private static string? PathProblem(string root, string path, string source)
    {
        try
        {
            FolderTree.Check(ContainedPath.Resolve(root, path, source), source);
            return null;
        }
        catch (BtxException e)
        {
            // the problems get it once, in front
            return e.Message.StartsWith($"{source}: ", StringComparison.Ordinal) ? e.Message[(source.Length + 2)..] : e.Message;
        }
    }

    /// <summary>True for a SHA-256 in lower-case hex.</summary>
    public static bool IsHash([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] string? text) =>
        text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);
}
