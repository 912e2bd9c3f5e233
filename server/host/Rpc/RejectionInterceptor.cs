using Btx.Server.Doors;
using Btx.Server.Requests;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Btx.Server.Rpc;

/// <summary>Turns refusals into gRPC statuses; anything unexpected is answered INTERNAL without detail, which the log has.</summary>
internal sealed class RejectionInterceptor : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        RpcStatus.MarkReached(context);
        try
        {
            return await continuation(request, context).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        RpcStatus.MarkReached(context);
        try
        {
            await continuation(request, responseStream, context).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    private static RpcException Translate(Exception exception, ServerCallContext context)
    {
        if (Rejection.Of(exception) is { } rejection) return new(new Status(rejection.Status.Grpc, rejection.Message));
        if (context.CancellationToken.IsCancellationRequested)
        {
            var late = context.Deadline <= DateTime.UtcNow;
            return new(new Status(late ? StatusCode.DeadlineExceeded : StatusCode.Cancelled,
                late ? "the deadline passed" : "the call was cancelled"));
        }

        const string Message = "internal error; the server's log says more";
        context.GetHttpContext().Features.Set(new Refusal(Refusal.Internal, Message, exception));
        return new(new Status(StatusCode.Internal, Message));
    }
}
