namespace Prometheus;

public sealed class SummaryConfiguration : MetricConfiguration
{
}
