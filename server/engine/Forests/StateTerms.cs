using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Engine.Forests;

/// <summary>What a state says of a snapshot: at a start and at a change alike, so that both serve the same.</summary>
internal static class StateTerms
{
    /// <summary>Those of quarantined experts too: their domains still have text.</summary>
    public static IReadOnlyList<RecordedPrior> Priors(ForestState state) =>
        [.. state.Experts.Where(e => e.Prior is not null).Select(e => new RecordedPrior(e.Domain, e.Name, e.Prior!))];

    /// <summary>Listed without traffic.</summary>
    public static IReadOnlyList<string> Quarantined(ForestState state) =>
        [.. state.Experts.Where(e => e.Status == ExpertStatus.Quarantined).Select(e => e.Name)];

    /// <summary>Weights of the named averages, by expert.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> Averages(ForestState state)
    {
        string[] names = [.. state.Ready.Select(e => e.Name)];
        var averages = new Dictionary<string, IReadOnlyDictionary<string, double>>(StringComparer.Ordinal);
        foreach (var average in state.Averages)
        {
            if (state.Weights(average, names) is not { } weights) continue;
            averages[average.Name] = Enumerable.Range(0, names.Length).Where(j => weights[j] > 0).ToDictionary(j => names[j],
                j => weights[j]);
        }

        return averages;
    }

    /// <summary>What changes between two states.</summary>
    /// <param name="directory">Absolute path of an expert's weights.</param>
    /// <param name="moeBefore">Served now; null: none.</param>
    /// <param name="moeAfter">To serve; null: none.</param>
    public static ForestChange Between(ForestState before, ForestState after, Func<RegisteredExpert, string> directory,
        string? moeBefore, string? moeAfter)
    {
        var serving = before.Ready.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var listed = after.Experts.ToDictionary(e => e.Name);
        return new ForestChange
        {
            Add = [.. after.Ready.Where(e => !serving.Contains(e.Name))
                .Select(e => new ExpertSource { Name = e.Name, Domain = e.Domain, Directory = directory(e) })],
            Remove = [.. before.Ready.Select(e => e.Name).Where(n => !listed.ContainsKey(n))],
            Quarantine = [.. before.Ready.Select(e => e.Name)
                .Where(n => listed.TryGetValue(n, out var e) && e.Status == ExpertStatus.Quarantined)],
            Quarantined = Quarantined(after),
            Averages = Averages(after),
            Priors = Priors(after),
            Moe = moeAfter == moeBefore ? null : moeAfter,
            DropMoe = moeBefore is not null && moeAfter is null,
        };
    }
}
