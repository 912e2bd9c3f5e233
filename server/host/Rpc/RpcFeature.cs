using Btx.Server.Requests;

namespace Btx.Server.Rpc;

/// <summary>The gRPC door: inference, administration of the forest, and health.</summary>
internal static class RpcFeature
{
    public static IServiceCollection AddRpcDoor(this IServiceCollection services, RequestLimits limits)
    {
        services.AddSingleton<InferenceMessages>();
        services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = limits.BodyBytes;
            options.IgnoreUnknownServices = true; // its catch-all routes would shadow the HTTP door's paths
            options.Interceptors.Add<RejectionInterceptor>();
        });
        return services;
    }

    public static void MapRpcDoor(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<InferenceRpc>();
        endpoints.MapGrpcService<ForestRpc>();
        endpoints.MapGrpcService<HealthRpc>();
    }
}
