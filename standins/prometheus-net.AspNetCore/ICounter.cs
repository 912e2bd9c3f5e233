namespace Prometheus;

/// <summary>A value that only grows.</summary>
public interface ICounter
{
    double Value { get; }

    /// <exception cref="ArgumentOutOfRangeException">The increment is negative.</exception>
    void Inc(double increment = 1.0);
}
