using Prometheus;

namespace Btx.Server.Metrics;

/// <summary><c>/metrics</c> in Prometheus' text format.</summary>
internal static class MetricsFeature
{
    public static void MapEngineMetrics(this IEndpointRouteBuilder endpoints, EngineMetrics metrics) => endpoints.MapMetrics("/metrics", metrics.Registry);
}
