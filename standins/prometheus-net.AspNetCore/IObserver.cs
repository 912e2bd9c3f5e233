namespace Prometheus;

/// <summary>Takes samples.</summary>
public interface IObserver
{
    void Observe(double val);
}
