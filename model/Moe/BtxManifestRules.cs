using Btx.Model.Configuration;
using Btx.Model.Forests;

namespace Btx.Model.Moe;

/// <summary>What must hold for a <see cref="BtxManifest"/>.</summary>
public static class BtxManifestRules
{
    /// <returns>The first fault, one clause; null if there is none.</returns>
    public static string? Problem(BtxManifest m)
    {
        if (m.Schema != BtxManifest.CurrentSchema) return $"schema is {m.Schema}; this version reads {BtxManifest.CurrentSchema}";
        if (!ForestManifestRules.IsHash(m.Architecture) || !ForestManifestRules.IsHash(m.Tokenizer)
            || !ForestManifestRules.IsHash(m.Sha256))
            return "architecture, tokenizer or sha256 is not a SHA-256";
        if (m.ForestSha256 is not null && !ForestManifestRules.IsHash(m.ForestSha256)) return "forest_sha256 is not a SHA-256";
        if (m.Experts.Count is 0 or > MoeConfig.MaxExperts) return $"{m.Experts.Count} experts; expected 1..{MoeConfig.MaxExperts}";
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in m.Experts)
        {
            if (e is null || !ForestManifestRules.IsName(e.Name) || !ForestManifestRules.IsName(e.Domain))
                return "an expert has no valid name or domain";
            if (!names.Add(e.Name)) return $"expert \"{e.Name}\" is listed twice";
            if (e.Source is { } source && (source.Length == 0 || source.Any(char.IsControl)))
                return $"expert \"{e.Name}\": source is no path";
            if (e.Sha256 is not null && !ForestManifestRules.IsHash(e.Sha256)) return $"expert \"{e.Name}\": sha256 is not a SHA-256";
        }

        if (!RouterKind.Names.Contains(m.Router.Kind))
            return $"router kind \"{BtxException.OneLine(m.Router.Kind)}\" is unknown; use {string.Join(", ", RouterKind.Names)}";
        if (m.Router.ExpertsPerToken < 1 || m.Router.ExpertsPerToken > m.Experts.Count)
            return $"router: experts_per_token is {m.Router.ExpertsPerToken}; expected 1..{m.Experts.Count}, the number of experts";
        if (m.Router.RidgeLambda is { } lambda && !(lambda > 0 && double.IsFinite(lambda)))
            return $"router: ridge_lambda is {lambda}; expected a number above 0";
        if (m.Router.SoftLayers.Any(l => l < 0)) return "router: a soft layer is negative";
        return m.Without.Any(n => !ForestManifestRules.IsName(n)) ? "without holds a name that is none" : null;
    }
}
