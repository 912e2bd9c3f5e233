using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Btx.Server.Lifetime;

/// <summary>Whether the server takes requests, and if not, why: what health says over both protocols.</summary>
internal sealed partial class ServingState(ServedForest served, IHostApplicationLifetime lifetime, ILogger<ServingState> log)
{
    private string? _lastProblem;

    /// <summary>Why it takes no requests just now, though nothing is wrong; null: it takes them.</summary>
    public string? Pause =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "shutting down" : served.Now is null ? "loading" : null;

    /// <summary>Why the engine answers nobody; null while it works. Each problem is logged once.</summary>
    public string? Problem
    {
        get
        {
            var problem = served.Now?.Engine.Problem;
            if (Interlocked.Exchange(ref _lastProblem, problem) != problem && problem is not null) LogProblem(log, problem);
            return problem;
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "health fails: {Problem}")]
    private static partial void LogProblem(ILogger logger, string problem);
}

/// <summary>Health for supervisors, 200 or 503, with the reason for who may observe: <c>/health/live</c> fails when the engine is broken or
/// hangs, so that a restart helps; <c>/health/ready</c>, and <c>/health</c> as well, also while the server loads or shuts down.</summary>
internal static class HealthEndpoints
{
    private const string Live = "live", Ready = "ready"; // tags of the checks
    private const string Engine = "engine", Pause = "pause";
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(2); // of what gRPC's Watch sees

    public static IServiceCollection AddServingHealth(this IServiceCollection services)
    {
        services.AddHealthChecks()
            .Add(new(Engine, services => new StateCheck(services, state => state.Problem), null, [Live, Ready]))
            .Add(new(Pause, services => new StateCheck(services, state => state.Pause), null, [Ready]));
        return services.Configure<HealthCheckPublisherOptions>(watch => (watch.Delay, watch.Period) = (s_period, s_period));
    }

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health", Of(Ready, "serving")).AllowAnonymous();
        endpoints.MapHealthChecks("/health/ready", Of(Ready, "serving")).AllowAnonymous();
        endpoints.MapHealthChecks("/health/live", Of(Live, "live")).AllowAnonymous();
    }

    private static HealthCheckOptions Of(string tag, string well) => new()
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = (http, report) => http.Response.WriteAsJsonAsync(
            report.Entries[Engine].Description is { } problem
                ? Scopes.Of(http.User).HasFlag(Scope.Observe) ? new { status = "failed", reason = problem }
                    : (object)new { status = "failed" }
            : report.Status == HealthStatus.Healthy ? new { status = well }
            : (object)new { status = report.Entries[Pause].Description }),
    };

    /// <param name="problem">Null: it is well.</param>
    private sealed class StateCheck(IServiceProvider services, Func<ServingState, string?> problem) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(problem(services.GetRequiredService<ServingState>()) is { } why
                ? HealthCheckResult.Unhealthy(why) : HealthCheckResult.Healthy());
    }
}
