using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a serializer puts one message; a transport overrides the members it supports.</summary>
public abstract class SerializationContext
{
    public virtual void Complete(byte[] payload) => throw new NotSupportedException("This transport takes no byte array.");

    public virtual void Complete() => throw new NotSupportedException("This transport has no buffer writer.");

    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotSupportedException("This transport has no buffer writer.");

    public virtual void SetPayloadLength(int payloadLength) => throw new NotSupportedException("This transport has no buffer writer.");
}
