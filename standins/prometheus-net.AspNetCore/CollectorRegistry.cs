using System.Collections.Concurrent;

namespace Prometheus;

/// <summary>A set of metrics that are exported together.</summary>
public sealed class CollectorRegistry
{
    private readonly ConcurrentDictionary<string, Collector> _collectors = new(StringComparer.Ordinal);

    private readonly ConcurrentBag<Action> _beforeCollect = [];

    /// <summary>Calls <paramref name="callback"/> at the beginning of every collection, so that it can set metrics that are read rather than counted.</summary>
    public void AddBeforeCollectCallback(Action callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        _beforeCollect.Add(callback);
    }

    /// <summary>Writes all metrics in the text exposition format.</summary>
    public async Task CollectAndExportAsTextAsync(Stream to, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(to);
        foreach (var callback in _beforeCollect) callback();
        var text = new TextExposition();
        foreach (var collector in _collectors.Values.OrderBy(collector => collector.Name, StringComparer.Ordinal)) collector.Write(text);
        await to.WriteAsync(text.ToUtf8(), cancel).ConfigureAwait(false);
    }

    /// <summary>The metric of that name: the one given, or the one registered before if it is of the same kind and has the same labels.</summary>
    internal TCollector GetOrAdd<TCollector>(TCollector candidate)
        where TCollector : Collector
    {
        var found = _collectors.GetOrAdd(candidate.Name, candidate);
        if (found is not TCollector same)
        {
            throw new InvalidOperationException($"Collector of a different type with the same name '{candidate.Name}' is already registered.");
        }

        if (!same.LabelNames.SequenceEqual(candidate.LabelNames))
        {
            throw new InvalidOperationException($"Collector '{candidate.Name}' is already registered with different label names.");
        }

        return same;
    }
}
