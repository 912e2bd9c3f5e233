using System.Buffers;
using Google.Protobuf;
using Grpc.Core;

namespace Btx.Server.Rpc;

/// <summary>
/// Binds <see cref="InferenceRpc"/> and <see cref="ForestRpc"/> so that text which is not UTF-8 is refused. The protobuf library reads it with U+FFFD in the place of what it
/// cannot read; so a message that holds more of these characters than its bytes did was not UTF-8.
/// </summary>
internal static class Utf8Binding
{
    private static ReadOnlySpan<byte> Replacement => "\ufffd"u8;

    /// <param name="service">Not used: the server finds the methods by their names.</param>
    public static void Bind(ServiceBinderBase binder, InferenceRpc? service) => V1.Inference.BindService(new Binder(binder), null);

    /// <inheritdoc cref="Bind"/>
    public static void BindForest(ServiceBinderBase binder, ForestRpc? service) => V1.Forest.BindService(new Binder(binder), null);

    /// <summary>A marshaller that reads as <paramref name="inner"/> does and refuses what was not UTF-8.</summary>
    private static Marshaller<T> Checked<T>(Marshaller<T> inner) => new(inner.ContextualSerializer, context =>
    {
        var payload = context.PayloadAsReadOnlySequence().ToArray();
        var message = inner.ContextualDeserializer(context);
        if (message is IMessage read && Count(read.ToByteArray()) > Count(payload))
            throw new RpcException(new(StatusCode.InvalidArgument, "the request holds text that is not valid UTF-8"));
        return message;
    });

    private static int Count(ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        for (int at; (at = bytes.IndexOf(Replacement)) >= 0; bytes = bytes[(at + Replacement.Length)..]) count++;
        return count;
    }

    private sealed class Binder(ServiceBinderBase inner) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            inner.AddMethod(Checking(method), handler);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            inner.AddMethod(Checking(method), handler);

        private static Method<TRequest, TResponse> Checking<TRequest, TResponse>(Method<TRequest, TResponse> method) =>
            new(method.Type, method.ServiceName, method.Name, Checked(method.RequestMarshaller), method.ResponseMarshaller);
    }
}
