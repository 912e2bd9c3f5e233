using Btx.Server.Requests;

namespace Btx.Server.Rpc;

/// <summary>The gRPC door: inference, administration of the forest, health, and reflection.</summary>
internal static class RpcFeature
{
    public static IServiceCollection AddRpcDoor(this IServiceCollection services, RequestLimits limits)
    {
        services.AddSingleton<InferenceMessages>();
        services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = limits.BodyBytes;
            options.IgnoreUnknownServices = true; // its catch-all routes would shadow the HTTP door's paths; Door answers for them
            options.Interceptors.Add<RejectionInterceptor>();
        });
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks(health =>
        {
            foreach (var service in new[] { V1.Inference.Descriptor, V1.Forest.Descriptor })
                health.Services.Map(service.FullName, _ => true);
        });
        return services;
    }

    public static void MapRpcDoor(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<InferenceRpc>();
        endpoints.MapGrpcService<ForestRpc>();
        endpoints.MapGrpcHealthChecksService();
        endpoints.MapGrpcReflectionService();
    }
}
