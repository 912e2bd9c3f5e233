namespace Prometheus;

/// <summary>Makes metrics in one registry; a second metric of the same name, kind and labels is the first one.</summary>
public sealed class MetricFactory
{
    private readonly CollectorRegistry _registry;

    internal MetricFactory(CollectorRegistry registry) => _registry = registry;

    public Counter CreateCounter(string name, string help, CounterConfiguration? configuration = null) =>
        CreateCounter(name, help, configuration?.LabelNames ?? [], configuration);

    public Counter CreateCounter(string name, string help, string[] labelNames, CounterConfiguration? configuration = null) =>
        Register<Counter, Counter.Child>(new(name, help, labelNames, configuration?.SuppressInitialValue ?? false));

    public Gauge CreateGauge(string name, string help, GaugeConfiguration? configuration = null) =>
        CreateGauge(name, help, configuration?.LabelNames ?? [], configuration);

    public Gauge CreateGauge(string name, string help, string[] labelNames, GaugeConfiguration? configuration = null) =>
        Register<Gauge, Gauge.Child>(new(name, help, labelNames, configuration?.SuppressInitialValue ?? false));

    public Summary CreateSummary(string name, string help, SummaryConfiguration? configuration = null) =>
        CreateSummary(name, help, configuration?.LabelNames ?? [], configuration);

    public Summary CreateSummary(string name, string help, string[] labelNames, SummaryConfiguration? configuration = null) =>
        Register<Summary, Summary.Child>(new(name, help, labelNames, configuration?.SuppressInitialValue ?? false));

    public Histogram CreateHistogram(string name, string help, HistogramConfiguration? configuration = null) =>
        CreateHistogram(name, help, configuration?.LabelNames ?? [], configuration);

    public Histogram CreateHistogram(string name, string help, string[] labelNames, HistogramConfiguration? configuration = null) =>
        Register<Histogram, Histogram.Child>(new(name, help, labelNames, configuration?.SuppressInitialValue ?? false, configuration?.Buckets));

    private TCollector Register<TCollector, TChild>(TCollector candidate)
        where TCollector : Collector<TChild>
        where TChild : ChildBase
    {
        var collector = _registry.GetOrAdd(candidate);
        collector.PublishInitialValue();
        return collector;
    }
}
