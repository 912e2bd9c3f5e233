namespace Grpc.Core;

/// <summary>Makes marshallers.</summary>
public static class Marshallers
{
    private static readonly Marshaller<string> s_utf8 = new(System.Text.Encoding.UTF8.GetBytes, System.Text.Encoding.UTF8.GetString);

    public static Marshaller<string> StringMarshaller => s_utf8;

    public static Marshaller<T> Create<T>(Func<T, byte[]> serializer, Func<byte[], T> deserializer) => new(serializer, deserializer);

    public static Marshaller<T> Create<T>(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer) =>
        new(serializer, deserializer);
}
