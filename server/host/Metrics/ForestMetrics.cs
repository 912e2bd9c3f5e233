using Btx.Forest;
using Btx.Model.Forests;
using Prometheus;

namespace Btx.Server.Metrics;

/// <summary>Changes of the served forest as Prometheus metrics.</summary>
internal sealed class ForestMetrics
{
    private readonly Counter _changes, _bytesReturned;
    private readonly Gauge _revision, _experts, _snapshots, _damaged;
    private readonly Histogram _phaseTime, _pause;

    /// <param name="served">Null: no forest is served.</param>
    /// <param name="liveSnapshots">Snapshots of the forest that something still holds.</param>
    public ForestMetrics(CollectorRegistry registry, IForestRegistry? served, Func<int> liveSnapshots)
    {
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        _changes = metrics.CreateCounter("btx_forest_changes_total",
            "Changes of the forest that ended, by kind and outcome (committed, failed, cancelled).", ["kind", "outcome"]);
        _phaseTime = metrics.CreateHistogram("btx_forest_change_seconds", "Time that each phase of a change took, by kind and phase.",
            ["kind", "phase"], new() { Buckets = Histogram.ExponentialBuckets(0.001, 4, 10) });
        _pause = metrics.CreateHistogram("btx_forest_swap_pause_seconds",
            "Time that the engine was held between two steps by a swap of the forest.",
            new HistogramConfiguration { Buckets = Histogram.ExponentialBuckets(0.0001, 4, 8) });
        _bytesReturned = metrics.CreateCounter("btx_forest_bytes_returned_total",
            "Native memory returned by swaps: mapped weights, KV caches, sessions.");
        _revision = metrics.CreateGauge("btx_forest_revision", "Revision of the forest that is served.");
        _experts = metrics.CreateGauge("btx_forest_experts", "Experts of the forest, by status.", ["status"]);
        _damaged = metrics.CreateGauge("btx_forest_damaged_models",
            "Experts, and the BTX model, that get no traffic because their files changed on disk.");
        _snapshots = metrics.CreateGauge("btx_forest_live_snapshots",
            "Snapshots of the forest that something still holds: 1 when no change is under way.");
        registry.AddBeforeCollectCallback(() =>
        {
            _snapshots.Set(liveSnapshots());
            if (served is null) return;
            var state = served.State;
            _revision.Set(state.Revision);
            var damage = served.Damage;
            var ready = state.Ready.Count(e => !damage.Experts.ContainsKey(e.Name));
            _experts.WithLabels(ExpertStatus.Ready).Set(ready);
            _experts.WithLabels(ExpertStatus.Quarantined).Set(state.Experts.Count - ready);
            _damaged.Set(damage.Experts.Count + (damage.Moe is null ? 0 : 1));
        });
    }

    public void OnPhase(string kind, string phase, TimeSpan length) => _phaseTime.WithLabels(kind, phase).Observe(length.TotalSeconds);

    /// <param name="swap">Null: no swap was needed.</param>
    public void OnChange(string kind, string outcome, SwapReport? swap)
    {
        _changes.WithLabels(kind, outcome).Inc();
        if (swap is null) return;
        _pause.Observe(swap.Pause.TotalSeconds);
        _bytesReturned.Inc(swap.BytesReturned);
    }
}
