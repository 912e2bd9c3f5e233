using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a deserializer finds one message; a transport overrides the members it supports.</summary>
public abstract class DeserializationContext
{
    /// <summary>Bytes.</summary>
    public abstract int PayloadLength { get; }

    public virtual byte[] PayloadAsNewBuffer() => throw new NotSupportedException("This transport gives no byte array.");

    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotSupportedException("This transport gives no sequence.");
}
