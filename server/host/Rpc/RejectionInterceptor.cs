using Btx.Server.Requests;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Btx.Server.Rpc;

/// <summary>Turns refusals into gRPC statuses; anything unexpected is logged and answered INTERNAL without detail.</summary>
internal sealed partial class RejectionInterceptor(ILogger<RejectionInterceptor> log) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
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
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw Translate(e, context);
        }
    }

    private RpcException Translate(Exception exception, ServerCallContext context)
    {
        if (Rejection.Of(exception) is { } rejection) return new(new Status(rejection.Status.Grpc, rejection.Message));
        if (context.CancellationToken.IsCancellationRequested)
        {
            var late = context.Deadline <= DateTime.UtcNow;
            return new(new Status(late ? StatusCode.DeadlineExceeded : StatusCode.Cancelled, late ? "the deadline passed" : "the call was cancelled"));
        }

        LogFailure(log, exception, context.Method);
        return new(new Status(StatusCode.Internal, "internal error; the server's log says more"));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} failed")]
    private static partial void LogFailure(ILogger logger, Exception exception, string method);
}
