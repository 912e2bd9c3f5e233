namespace Prometheus;

public sealed class HistogramConfiguration : MetricConfiguration
{
    /// <summary>Upper bounds, ascending; +Inf is added. Null: 0.005 … 10.</summary>
    public double[]? Buckets { get; set; }
}
