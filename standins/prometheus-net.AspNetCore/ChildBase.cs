namespace Prometheus;

/// <summary>One time series of a metric, or one group of them (a histogram's).</summary>
public abstract class ChildBase
{
    private volatile bool _published;

    internal ChildBase(string labels, bool publish) => (Labels, _published) = (labels, publish);

    /// <summary><c>a="1",b="2"</c>, escaped; empty without labels.</summary>
    internal string Labels { get; }

    internal bool IsPublished => _published;

    /// <summary>Makes the series visible, should its initial value have been suppressed.</summary>
    public void Publish() => _published = true;

    internal abstract void Write(TextExposition text, string name);
}
