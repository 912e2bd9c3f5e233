using Btx.Server.Lifetime;
using Grpc.Core;
using Grpc.Health.V1;
using Status = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Btx.Server.Rpc;

/// <summary>The standard health service: SERVING until the server begins to shut down.</summary>
internal sealed class HealthRpc(ServingState state) : Health.HealthBase
{
    private static readonly string[] s_services = ["", V1.Inference.Descriptor.FullName, V1.Forest.Descriptor.FullName, Health.Descriptor.FullName];

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        if (!s_services.Contains(request.Service)) throw new RpcException(new(StatusCode.NotFound, $"no service \"{request.Service}\""));
        return Task.FromResult(new HealthCheckResponse { Status = Current });
    }

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        var known = s_services.Contains(request.Service);
        var wasServing = state.IsServing;
        await Send(known ? wasServing ? Status.Serving : Status.NotServing : Status.ServiceUnknown).ConfigureAwait(false);
        await state.Stopping.WaitAsync(context.CancellationToken).ConfigureAwait(false);
        if (known && wasServing) await Send(Status.NotServing).ConfigureAwait(false);

        Task Send(Status status) => responseStream.WriteAsync(new() { Status = status }, context.CancellationToken);
    }

    private Status Current => state.IsServing ? Status.Serving : Status.NotServing;
}
