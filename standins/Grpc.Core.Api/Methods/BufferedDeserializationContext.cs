using System.Buffers;

namespace Grpc.Core;

/// <summary>Gives a message's bytes from memory.</summary>
internal sealed class BufferedDeserializationContext(byte[] payload) : DeserializationContext
{
    public override int PayloadLength => payload.Length;

    public override byte[] PayloadAsNewBuffer() => [.. payload];

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(payload);
}
