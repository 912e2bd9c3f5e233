using Btx.V1;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a server says that it serves.</summary>
/// <param name="Experts">Of the forest; none where only a BTX model is served.</param>
/// <param name="Domains">Of each of them.</param>
/// <param name="MixtureExperts">Of the BTX model; none without one.</param>
/// <param name="MixtureChoices">The k that it can be asked for.</param>
/// <param name="MixtureK">Its own k; 0 without one.</param>
/// <param name="ContextLength">Tokens of prompt and answer together.</param>
/// <param name="Identity">Hashes of what is served.</param>
internal sealed record ServedFacts(
    IReadOnlyList<string> Experts,
    IReadOnlyList<string> Domains,
    IReadOnlyList<string> MixtureExperts,
    IReadOnlyList<int> MixtureChoices,
    int MixtureK,
    int ContextLength,
    string Precision,
    string Identity)
{
    public static ServedFacts Of(DescribeResponse served) => new(
        [.. served.Experts.Select(e => e.Name)],
        [.. served.Experts.Select(e => e.Domain)],
        [.. served.Moe?.Experts.Select(e => e.Name) ?? []],
        [.. served.Moe?.Choices ?? []],
        served.Moe?.ExpertsPerToken ?? 0,
        served.ContextLength,
        served.Experts.Count > 0 ? served.Precision : served.Moe?.Precision ?? served.Precision,
        $"forest {(served.Experts.Count == 0 ? "none" : $"{Short(served.ForestSha256)} of "
            + $"{string.Join(' ', served.Experts.Select(e => e.Name))}")}, btx {(served.Moe is { } m ? Short(m.Sha256) : "none")}");

    private static string Short(string hash) => hash.Length > 12 ? hash[..12] : hash;
}
