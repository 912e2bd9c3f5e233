using Btx.Model.Files;

namespace Btx.Forest;

/// <summary>Holds on to the weight files of experts that are about to leave, to see afterwards what became of them.</summary>
internal sealed class HeldCopies(RegistryResources resources, IReadOnlyList<string> experts) : IDisposable
{
    private readonly Dictionary<string, FileTrace[]> byExpert = resources.Engine.Current.Experts
        .Where(e => experts.Contains(e.Name))
        .ToDictionary(e => e.Name, e => e.Model.Copies.Select(c => c.Trace()).ToArray());

    /// <summary>Of one that was quarantined because of its files they are those that it was served from. None of an expert that this
    /// server did not open, or after <see cref="Dispose"/>.</summary>
    public IReadOnlyList<FileTrace> this[string expert] => byExpert.GetValueOrDefault(expert) ?? resources.Damaged[expert];

    /// <summary>Idempotent.</summary>
    public void Dispose()
    {
        foreach (var trace in byExpert.Values.SelectMany(c => c)) trace.Dispose();
        byExpert.Clear();
    }
}
