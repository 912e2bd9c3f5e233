namespace Prometheus;

/// <summary>What every kind of metric can be told when it is made.</summary>
public abstract class MetricConfiguration
{
    public string[]? LabelNames { get; set; }

    /// <summary>Publish nothing before the first value.</summary>
    public bool SuppressInitialValue { get; set; }
}
