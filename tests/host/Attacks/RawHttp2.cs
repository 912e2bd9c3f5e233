using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Attacks;

/// <summary>A frame of HTTP/2 (RFC 9113).</summary>
internal sealed record RawFrame(byte Type, byte Flags, int Stream, byte[] Payload)
{
    public const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, Ack = 1, EndHeaders = 4;

    /// <summary>Why a stream or the connection was given up; of RST_STREAM and GOAWAY.</summary>
    public int Error => BinaryPrimitives.ReadInt32BigEndian(Payload.AsSpan(Type == GoAway ? 4 : 0));

    /// <summary>The bytes on the wire.</summary>
    public byte[] Bytes
    {
        get
        {
            var bytes = new byte[9 + Payload.Length];
            BinaryPrimitives.WriteInt32BigEndian(bytes, Payload.Length << 8 | Type);
            bytes[4] = Flags;
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(5), Stream);
            Payload.CopyTo(bytes, 9);
            return bytes;
        }
    }
}

/// <summary>A connection of HTTP/2 without TLS, written frame by frame: what no client library sends. What comes back is kept.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private readonly Socket _socket;
    private readonly List<RawFrame> _received = [];
    private readonly Task _reading;

    private RawHttp2(Socket socket)
    {
        _socket = socket;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>The server closed the connection.</summary>
    public bool IsClosed => _reading.IsCompleted;

    public IReadOnlyList<RawFrame> Received
    {
        get
        {
            lock (_received) return [.. _received];
        }
    }

    /// <summary>With large windows, and without the table that would let the server shorten its headers.</summary>
    public static async Task<RawHttp2> OpenAsync(Uri port)
    {
        var connection = new RawHttp2(await Answer.ConnectAsync(port));
        await connection.SendAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
            .. new RawFrame(RawFrame.Settings, 0, 0, [0, 1, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]).Bytes,
            .. new RawFrame(RawFrame.WindowUpdate, 0, 0, [0x7f, 0, 0, 0]).Bytes]);
        return connection;
    }

    /// <returns>False: the server takes no more.</returns>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes)..];
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public Task<bool> SendAsync(params IEnumerable<RawFrame> frames) =>
        SendAsync((byte[])[.. frames.SelectMany(frame => frame.Bytes)]);

    /// <summary>Waits for a frame.</summary>
    /// <returns>Null: the connection was closed without one.</returns>
    public async Task<RawFrame?> FindAsync(Func<RawFrame, bool> wanted, string what)
    {
        await Patience.UntilAsync(() => IsClosed || Received.Any(wanted), what);
        return Received.FirstOrDefault(wanted);
    }

    /// <summary>The status of a call of gRPC, which stands in its last headers.</summary>
    public async Task<string?> StatusAsync(int stream)
    {
        var last = await FindAsync(f => f.Stream == stream && (f.Type == RawFrame.Reset
            || f is { Type: RawFrame.Headers } && (f.Flags & RawFrame.EndStream) != 0), $"the end of stream {stream}");
        if (last?.Type != RawFrame.Headers) return last is null ? null : $"reset {last.Error}";
        var text = Encoding.Latin1.GetString(last.Payload);
        var at = text.IndexOf("grpc-status", StringComparison.Ordinal) + "grpc-status".Length;
        return text.Substring(at + 1, text[at]);
    }

    /// <summary>The frames of a call: its headers, and its message in one frame.</summary>
    public static RawFrame[] Call(int stream, string path, byte[] message) =>
        [Head(stream, path), new(RawFrame.Data, RawFrame.EndStream, stream, Prefixed(message))];

    /// <param name="path">As it is.</param>
    public static RawFrame Head(int stream, string path) => new(RawFrame.Headers, RawFrame.EndHeaders, stream, Block(
        [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"), ("content-type", "application/grpc"),
            ("te", "trailers")]));

    /// <summary>Headers that are put into no table (RFC 7541, 6.2.2).</summary>
    public static byte[] Block(params IEnumerable<(string Name, string Value)> headers) =>
        [.. headers.SelectMany(h => (byte[])[0, .. Text(h.Name), .. Text(h.Value)])];

    /// <summary>A text of HPACK, its length before it (RFC 7541, 5.1 and 5.2).</summary>
    public static byte[] Text(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127) return [(byte)bytes.Length, .. bytes];
        var length = new List<byte> { 127 };
        for (var rest = bytes.Length - 127; ; rest >>= 7)
        {
            if (rest < 128)
            {
                length.Add((byte)rest);
                return [.. length, .. bytes];
            }

            length.Add((byte)(rest & 127 | 128));
        }
    }

    /// <summary>A message of gRPC, not compressed.</summary>
    public static byte[] Prefixed(byte[] message)
    {
        var bytes = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), message.Length);
        message.CopyTo(bytes, 5);
        return bytes;
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync()
    {
        try
        {
            await using var stream = new NetworkStream(_socket);
            var head = new byte[9];
            while (true)
            {
                await stream.ReadExactlyAsync(head);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
                await stream.ReadExactlyAsync(payload);
                lock (_received) _received.Add(new(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
