namespace Prometheus;

/// <summary>A metric with all its time series.</summary>
public abstract class Collector
{
    internal Collector(string name, string help, string[] labelNames)
    {
        Name = MetricNames.Checked(name);
        Help = help ?? "";
        LabelNames = [.. labelNames.Select(MetricNames.CheckedLabel)];
        if (LabelNames.Distinct().Count() != LabelNames.Length) throw new ArgumentException($"Metric '{name}' names a label twice.", nameof(labelNames));
    }

    public string Name { get; }

    public string Help { get; }

    public string[] LabelNames { get; }

    internal abstract string Kind { get; }

    internal abstract void Write(TextExposition text);
}
