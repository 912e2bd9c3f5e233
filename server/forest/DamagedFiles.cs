using Btx.Engine.Forests;
using Btx.Model.Files;

namespace Btx.Forest;

/// <summary>The weight files of experts that are quarantined because of them, wherever they were moved: a removal says what became of them.
/// Thread-safe.</summary>
internal sealed class DamagedFiles : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, FileTrace[]> byExpert = []; // under gate

    /// <summary>None of one that is not held.</summary>
    public IReadOnlyList<FileTrace> this[string expert]
    {
        get
        {
            lock (gate) return byExpert.GetValueOrDefault(expert) ?? [];
        }
    }

    /// <summary>Before the experts leave the running forest.</summary>
    public void Hold(ForestSnapshot present, IEnumerable<string> experts)
    {
        var named = experts.ToHashSet(StringComparer.Ordinal);
        lock (gate)
        {
            foreach (var expert in present.Experts.Where(e => named.Contains(e.Name)))
                byExpert.TryAdd(expert.Name, [.. expert.Model.Copies.Select(c => c.Trace())]);
        }
    }

    /// <summary>Files that have no name any more take no space from here on.</summary>
    public void Sweep()
    {
        lock (gate)
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
    }

    /// <summary>Those that have left the forest.</summary>
    public void Drop(IEnumerable<string> experts)
    {
        lock (gate)
        {
            foreach (var expert in experts)
                if (byExpert.Remove(expert, out var traces)) Array.ForEach(traces, t => t.Dispose());
        }
    }

    /// <summary>Idempotent.</summary>
    public void Dispose()
    {
        lock (gate) Drop([.. byExpert.Keys]);
    }
}
