namespace Btx.Server.Lifetime;

/// <summary><c>/health</c> for supervisors: 200 while serving, 503 while shutting down.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/health", (ServingState state) =>
        state.IsServing
            ? Results.Json(new { status = "serving" })
            : Results.Json(new { status = "shutting down" }, statusCode: StatusCodes.Status503ServiceUnavailable));
}
