using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Btx.Server.Listeners;

/// <summary>Reads a connection of HTTP/2 and counts the calls that its client cancels (frames RST_STREAM). With too many in one second of
/// the clock the connection ends, before what it sent last is worked on: each call is work, and costs its client next to nothing.</summary>
internal sealed class ResetLimit(PipeReader inner, int most, Action tooMany) : PipeReader
{
    private const int HeadLength = 9; // bytes: 3 of the payload's length, the type, the flags, 4 of the stream (RFC 9113, section 4.1)
    private const int PrefaceLength = 24;
    private const byte Reset = 3;
    private ReadOnlySequence<byte> _last;
    private long _seen, _skip = PrefaceLength, _second;
    private int _have, _length, _resets;
    private byte _type;

    /// <summary>Middleware of connections; of a port that speaks HTTP/2 alone, or says by ALPN which it speaks.</summary>
    public static Task ServeAsync(ConnectionContext connection, ConnectionDelegate next, int most, Refusals refusals)
    {
        var spoken = connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol;
        if (spoken is { } protocol && !protocol.Span.SequenceEqual("h2"u8)) return next(connection);
        var listener = (connection.Items[typeof(CountedConnection)] as CountedConnection)?.Listener ?? Listener.Grpc;
        connection.Transport = new Pipes(new ResetLimit(connection.Transport.Input, most, () =>
        {
            var refusal = new Refusal(Refusal.Connections, $"its client cancels more than {most} calls in a second");
            refusals.Add(listener, refusal, "connections", null, connection.RemoteEndPoint?.ToString());
            connection.Abort(new ConnectionAbortedException(refusal.Message));
        }), connection.Transport.Output);
        return next(connection);
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        Look(await inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
        result = Look(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _seen -= _last.Slice(0, consumed).Length;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private ReadResult Look(ReadResult result)
    {
        _last = result.Buffer;
        foreach (var part in result.Buffer.Slice(_seen)) Scan(part.Span);
        _seen = result.Buffer.Length;
        if (_resets <= most) return result;
        tooMany();
        return new(result.Buffer.Slice(0, 0), isCanceled: false, isCompleted: true);
    }

    private void Scan(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_skip > 0)
            {
                var count = (int)Math.Min(_skip, bytes.Length);
                _skip -= count;
                bytes = bytes[count..];
                continue;
            }

            if (_have < 3) _length = (_length << 8) | bytes[0];
            else if (_have == 3) _type = bytes[0];
            bytes = bytes[1..];
            if (++_have < HeadLength) continue;
            if (_type == Reset && _resets <= most) Count();
            (_skip, _have, _length) = (_length, 0, 0);
        }
    }

    private void Count()
    {
        var second = Environment.TickCount64 / 1000;
        (_second, _resets) = (second, second == _second ? _resets + 1 : 1);
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
