using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Prometheus;

/// <summary>Serves a registry over HTTP.</summary>
public static class MetricServerMiddlewareExtensions
{
    public static IEndpointConventionBuilder MapMetrics(
        this IEndpointRouteBuilder endpoints, string pattern = "/metrics", CollectorRegistry? registry = null)
    {
        var exported = registry ?? Metrics.DefaultRegistry;
        return endpoints.MapGet(pattern, (HttpContext context) =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            return exported.CollectAndExportAsTextAsync(context.Response.Body, context.RequestAborted);
        }).WithDisplayName("Prometheus metrics");
    }
}
