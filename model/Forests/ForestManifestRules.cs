using Btx.Model.Files;

namespace Btx.Model.Forests;

/// <summary>What must hold for a manifest; reports every fault, not only the first.</summary>
public static class ForestManifestRules
{
    public const int MaxExperts = 4096;

    /// <summary>True for a name of 1 to 64 lower-case letters, digits, <c>.</c>, <c>_</c>,
    /// <c>-</c> that starts with a letter or digit.</summary>
    public static bool IsName([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] string? name) =>
        name is { Length: > 0 and <= 64 } && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    /// <summary>Every fault of a manifest, one clause each.</summary>
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
            // the faults get it once, in front
            return e.Message.StartsWith($"{source}: ", StringComparison.Ordinal) ? e.Message[(source.Length + 2)..] : e.Message;
        }
    }

    /// <summary>True for a SHA-256 in lower-case hex.</summary>
    public static bool IsHash([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] string? text) =>
        text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);
}
