using Btx.Engine.Forests;
using Btx.Model.Files;

namespace Btx.Forest;

/// <summary>Holds on to the weight files of experts that are about to leave, to see afterwards what became of them.</summary>
internal sealed class HeldCopies(ForestSnapshot snapshot, IReadOnlyList<string> experts) : IDisposable
{
    private readonly Dictionary<string, PrivateCopy[]> byExpert = snapshot.Experts
        .Where(e => experts.Contains(e.Name))
        .ToDictionary(e => e.Name, e => e.Model.Copies.Select(c => c.Hold()).ToArray());

    /// <summary>None of an expert that was not served, or after <see cref="Dispose"/>.</summary>
    public IReadOnlyList<PrivateCopy> this[string expert] => byExpert.GetValueOrDefault(expert) ?? [];

    /// <summary>Idempotent.</summary>
    public void Dispose()
    {
        foreach (var copy in byExpert.Values.SelectMany(c => c)) copy.Dispose();
        byExpert.Clear();
    }
}
