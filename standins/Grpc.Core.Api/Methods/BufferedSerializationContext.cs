using System.Buffers;

namespace Grpc.Core;

/// <summary>Collects one message's bytes in memory.</summary>
internal sealed class BufferedSerializationContext : SerializationContext
{
    private readonly ArrayBufferWriter<byte> _writer = new();
    private byte[]? _payload;

    public byte[] Payload => _payload ?? throw new InvalidOperationException("The serializer did not complete the message.");

    public override void Complete(byte[] payload) => SetPayload(payload);

    public override void Complete() => SetPayload(_writer.WrittenSpan.ToArray());

    public override IBufferWriter<byte> GetBufferWriter() => _writer;

    public override void SetPayloadLength(int payloadLength) { }

    private void SetPayload(byte[] payload)
    {
        if (_payload is not null) throw new InvalidOperationException("The message is complete already.");
        _payload = payload;
    }
}
