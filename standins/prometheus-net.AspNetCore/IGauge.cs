namespace Prometheus;

/// <summary>A value that goes up and down.</summary>
public interface IGauge
{
    double Value { get; }

    void Inc(double increment = 1);

    void Dec(double decrement = 1);

    void Set(double val);
}
