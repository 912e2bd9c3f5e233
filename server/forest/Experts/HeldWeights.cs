namespace Btx.Forest;

/// <summary>The weight files of experts that are quarantined or about to leave, wherever they are moved. One change at a time.</summary>
/// <param name="others">Holds the files of those that are not held here.</param>
internal sealed class HeldWeights(HeldWeights? others = null) : IDisposable
{
    private readonly Dictionary<string, FileTrace[]> byExpert = [];

    /// <summary>None of an expert that this server did not open.</summary>
    public IReadOnlyList<FileTrace> this[string expert] => byExpert.GetValueOrDefault(expert) ?? others?[expert] ?? [];

    public void Hold(ForestSnapshot present, IEnumerable<string> experts)
    {
        foreach (var expert in present.Experts.IntersectBy(experts, e => e.Name))
            byExpert.TryAdd(expert.Name, [.. expert.Model.Copies.Select(c => c.Trace())]);
    }

    /// <summary>Files that have no name any more take no space from here on.</summary>
    public void Sweep()
    {
        foreach (var trace in byExpert.Values.SelectMany(t => t))
        {
            try
            {
                trace.LetGo();
            }
            catch (IOException)
            {
                // It is asked again.
            }
        }
    }

    public void Drop(IEnumerable<string> experts)
    {
        foreach (var expert in experts)
            if (byExpert.Remove(expert, out var traces)) Array.ForEach(traces, t => t.Dispose());
    }

    public void Dispose() => Drop([.. byExpert.Keys]);
}
