using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Btx.Server.Lifetime;

/// <summary>
/// Health for supervisors, 200 or 503 with the reason: <c>/health/live</c> fails when the
/// engine is broken or hangs, so that a restart helps;
/// <c>/health/ready</c>, and <c>/health</c> as well, also while the server shuts down.
/// </summary>
internal static class HealthEndpoints
{
    /// <summary>Tags of the checks: those of liveness and those of readiness.</summary>
    public const string Live = "live", Ready = "ready";

    private const string Engine = "engine", Doors = "doors";

    public static IServiceCollection AddServingHealth(this IServiceCollection services)
    {
        services.AddHealthChecks()
            .Add(new(Engine, provider => new StateCheck(State(provider), state => state.Problem), null, [Live, Ready]))
            .Add(new(Doors, provider => new StateCheck(State(provider), state => state.IsStopping ? "shutting down" : null),
            null, [Ready]));
        return services;
    }

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health", Of(Ready, "serving"));
        endpoints.MapHealthChecks("/health/ready", Of(Ready, "serving"));
        endpoints.MapHealthChecks("/health/live", Of(Live, "live"));
    }

    private static ServingState State(IServiceProvider provider) => provider.GetRequiredService<ServingState>();

    private static HealthCheckOptions Of(string tag, string well) => new()
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = (http, report) => http.Response.WriteAsJsonAsync(
            report.Entries[Engine].Description is { } problem ? new { status = "failed", reason = problem }
            : report.Status == HealthStatus.Healthy ? new { status = well }
            : (object)new { status = report.Entries[Doors].Description }),
    };

    /// <param name="problem">Null: it is well.</param>
    private sealed class StateCheck(ServingState state, Func<ServingState, string?> problem) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(problem(state) is { } why ? HealthCheckResult.Unhealthy(why) : HealthCheckResult.Healthy());
    }
}
