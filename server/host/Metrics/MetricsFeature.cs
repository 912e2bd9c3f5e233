using System.Reflection;
using System.Runtime.InteropServices;
using Prometheus;

namespace Btx.Server.Metrics;

/// <summary><c>/metrics</c> in Prometheus' text format.</summary>
internal static class MetricsFeature
{
    public static void MapEngineMetrics(this IEndpointRouteBuilder endpoints, EngineMetrics metrics) =>
        endpoints.MapMetrics("/metrics", metrics.Registry);

    /// <summary>What runs here: memory, processor time and threads of the process, and the build.</summary>
    public static void AddProcess(CollectorRegistry registry)
    {
        DotNetStats.Register(registry);
        var version = typeof(MetricsFeature).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "unknown";
        Prometheus.Metrics.WithCustomRegistry(registry).CreateGauge("btx_build_info",
            "1; the labels say which build runs, on which runtime.", ["version", "runtime"])
            .WithLabels(version, RuntimeInformation.FrameworkDescription).Set(1);
    }
}
