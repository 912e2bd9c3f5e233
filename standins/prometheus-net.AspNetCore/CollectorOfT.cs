using System.Collections.Concurrent;

namespace Prometheus;

/// <summary>A metric of one kind; <see cref="WithLabels"/> finds or makes a time series.</summary>
public abstract class Collector<TChild> : Collector
    where TChild : ChildBase
{
    private readonly ConcurrentDictionary<string, TChild> _children = new(StringComparer.Ordinal);
    private readonly bool _suppressInitialValue;
    private readonly Lazy<TChild> _unlabelled;

    internal Collector(string name, string help, string[] labelNames, bool suppressInitialValue)
        : base(name, help, labelNames)
    {
        _suppressInitialValue = suppressInitialValue;
        _unlabelled = new(() => Child(""));
    }

    /// <summary>The series without labels.</summary>
    public TChild Unlabelled => _unlabelled.Value;

    /// <exception cref="ArgumentException">The number of values is not the number of label names.</exception>
    public TChild WithLabels(params string[] labelValues)
    {
        ArgumentNullException.ThrowIfNull(labelValues);
        if (labelValues.Length != LabelNames.Length)
        {
            throw new ArgumentException($"Metric '{Name}' has {LabelNames.Length} labels; {labelValues.Length} values were given.", nameof(labelValues));
        }

        return Child(TextExposition.Labels(LabelNames, labelValues));
    }

    internal abstract TChild NewChild(string labels, bool publish);

    internal void PublishInitialValue()
    {
        if (LabelNames.Length == 0) _ = Unlabelled;
    }

    internal override void Write(TextExposition text)
    {
        var children = _children.Values.Where(child => child.IsPublished).OrderBy(child => child.Labels, StringComparer.Ordinal).ToArray();
        text.Header(Name, Help, Kind);
        foreach (var child in children) child.Write(text, Name);
    }

    private TChild Child(string labels) =>
        _children.TryGetValue(labels, out var child) ? child : _children.GetOrAdd(labels, key => NewChild(key, !_suppressInitialValue));
}
