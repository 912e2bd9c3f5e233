namespace Btx.Forest;

/// <summary>The weight files of quarantined experts, wherever they were moved. Used by one change or one look at a time.</summary>
internal sealed class DamagedFiles : IDisposable
{
    private readonly Dictionary<string, FileTrace[]> byExpert = [];

    public IReadOnlyList<FileTrace> this[string expert] => byExpert.GetValueOrDefault(expert) ?? [];

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

/// <summary>Holds on to the weight files of experts that are about to leave, to see afterwards what became of them.</summary>
internal sealed class HeldCopies(RegistryResources resources, IReadOnlyList<string> experts) : IDisposable
{
    private readonly Dictionary<string, FileTrace[]> byExpert = resources.Engine.Current.Experts.Where(e => experts.Contains(e.Name))
        .ToDictionary(e => e.Name, e => e.Model.Copies.Select(c => c.Trace()).ToArray());

    /// <summary>None of an expert that this server did not open, or after <see cref="Dispose"/>.</summary>
    public IReadOnlyList<FileTrace> this[string expert] => byExpert.GetValueOrDefault(expert) ?? resources.Damaged[expert];

    public void Dispose()
    {
        foreach (var trace in byExpert.Values.SelectMany(c => c)) trace.Dispose();
        byExpert.Clear();
    }
}
