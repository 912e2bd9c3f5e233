namespace Prometheus;

/// <summary>Samples summed and counted.</summary>
public interface ISummary : IObserver
{
}
