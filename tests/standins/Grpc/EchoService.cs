using Grpc.Core;

namespace Btx.Standins.Tests.Grpc;

/// <summary>A service written by hand, with one method of each kind, so that no generated code stands between test and transport.</summary>
[BindServiceMethod(typeof(EchoService), nameof(Bind))]
public class EchoService
{
    public static readonly Method<string, string> UnaryMethod = New(MethodType.Unary, "Unary");
    public static readonly Method<string, string> ServerStreamMethod = New(MethodType.ServerStreaming, "ServerStream");
    public static readonly Method<string, string> ClientStreamMethod = New(MethodType.ClientStreaming, "ClientStream");
    public static readonly Method<string, string> DuplexMethod = New(MethodType.DuplexStreaming, "Duplex");

    private static readonly TaskCompletionSource<bool> s_cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static readonly TaskCompletionSource<bool> s_waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when a request for "until cancelled" has reached the server.</summary>
    public static Task Waiting => s_waiting.Task;

    /// <summary>Completes when that request was cancelled on the server.</summary>
    public static Task Cancelled => s_cancelled.Task;

    public static void Bind(ServiceBinderBase binder, EchoService? service)
    {
        binder.AddMethod(UnaryMethod, service is null ? null : service.Unary);
        binder.AddMethod(ServerStreamMethod, service is null ? null : service.ServerStream);
        binder.AddMethod(ClientStreamMethod, service is null ? null : service.ClientStream);
        binder.AddMethod(DuplexMethod, service is null ? null : service.Duplex);
    }

    public virtual async Task<string> Unary(string request, ServerCallContext context)
    {
        if (request == "fail")
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, "no: ünïcode"), new Metadata { { "why", "because" }, { "why-bin", [1, 2, 255] } });
        }

        if (request == "until cancelled")
        {
            await using var _ = context.CancellationToken.Register(() => s_cancelled.TrySetResult(true));
            s_waiting.TrySetResult(true);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }

        if (request == "forever") await Task.Delay(Timeout.Infinite, context.CancellationToken);

        await context.WriteResponseHeadersAsync(new Metadata { { "header-out", "h" } });
        context.ResponseTrailers.Add("trailer-out", "t");
        return $"{request}|{context.Method}|{context.RequestHeaders.GetValue("header-in")}|{context.Deadline > DateTime.UtcNow}";
    }

    public virtual async Task ServerStream(string request, IServerStreamWriter<string> responses, ServerCallContext context)
    {
        for (var i = 0; i < 3; i++) await responses.WriteAsync($"{request}{i}", context.CancellationToken);
    }

    public virtual async Task<string> ClientStream(IAsyncStreamReader<string> requests, ServerCallContext context) =>
        string.Concat(await requests.ReadAllAsync(context.CancellationToken).ToListAsync());

    public virtual async Task Duplex(IAsyncStreamReader<string> requests, IServerStreamWriter<string> responses, ServerCallContext context)
    {
        while (await requests.MoveNext()) await responses.WriteAsync(requests.Current.ToUpperInvariant());
    }

    private static Method<string, string> New(MethodType type, string name) =>
        new(type, "echo.Echo", name, Marshallers.StringMarshaller, Marshallers.StringMarshaller);
}
