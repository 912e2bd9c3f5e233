namespace Prometheus;

/// <summary>Makes metrics in the default registry.</summary>
public static class Metrics
{
    public static CollectorRegistry DefaultRegistry { get; } = new();

    private static readonly MetricFactory s_default = new(DefaultRegistry);

    public static CollectorRegistry NewCustomRegistry() => new();

    public static MetricFactory WithCustomRegistry(CollectorRegistry registry) => new(registry);

    public static Counter CreateCounter(string name, string help, CounterConfiguration? configuration = null) =>
        s_default.CreateCounter(name, help, configuration);

    public static Counter CreateCounter(string name, string help, string[] labelNames, CounterConfiguration? configuration = null) =>
        s_default.CreateCounter(name, help, labelNames, configuration);

    public static Gauge CreateGauge(string name, string help, GaugeConfiguration? configuration = null) =>
        s_default.CreateGauge(name, help, configuration);

    public static Gauge CreateGauge(string name, string help, string[] labelNames, GaugeConfiguration? configuration = null) =>
        s_default.CreateGauge(name, help, labelNames, configuration);

    public static Summary CreateSummary(string name, string help, SummaryConfiguration? configuration = null) =>
        s_default.CreateSummary(name, help, configuration);

    public static Summary CreateSummary(string name, string help, string[] labelNames, SummaryConfiguration? configuration = null) =>
        s_default.CreateSummary(name, help, labelNames, configuration);

    public static Histogram CreateHistogram(string name, string help, HistogramConfiguration? configuration = null) =>
        s_default.CreateHistogram(name, help, configuration);

    public static Histogram CreateHistogram(string name, string help, string[] labelNames, HistogramConfiguration? configuration = null) =>
        s_default.CreateHistogram(name, help, labelNames, configuration);
}
