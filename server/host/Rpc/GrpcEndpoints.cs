namespace Btx.Server.Rpc;

/// <summary>What is served over gRPC: inference, administration of the forest, health, and reflection.</summary>
internal static class GrpcEndpoints
{
    public static IServiceCollection AddGrpcEndpoints(this IServiceCollection services, RequestLimits limits)
    {
        services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = limits.BodyBytes;
            options.IgnoreUnknownServices = true; // its catch-all routes would shadow HTTP's paths; Listener answers for them
            options.Interceptors.Add<RejectionInterceptor>();
            options.Interceptors.Add<AuditInterceptor>();
        });
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks(health =>
        {
            foreach (var service in new[] { V1.Inference.Descriptor, V1.Forest.Descriptor })
                health.Services.Map(service.FullName, _ => true);
        });
        return services;
    }

    public static void MapGrpcEndpoints(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<InferenceRpc>();
        endpoints.MapGrpcService<ForestRpc>();
        endpoints.MapGrpcHealthChecksService().AllowAnonymous();
        endpoints.MapGrpcReflectionService().WithMetadata(new NeedsAttribute(Scope.Observe));
    }
}
