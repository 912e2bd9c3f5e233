using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Btx.Server.Tests.Attacks;

/// <summary>What a port answered: the status of HTTP or of gRPC, and all the text that came with it.</summary>
internal sealed record Answer(int Status, string Text)
{
    /// <summary>The status of a connection that ended without an answer.</summary>
    public const int None = -1;

    private const int Longest = 1 << 20;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);

    /// <summary>Bytes as they are, over a connection of their own; all that comes back until the server closes it.</summary>
    /// <param name="halfClose">The client says that it sends no more.</param>
    public static async Task<Answer> OfBytesAsync(Uri port, ReadOnlyMemory<byte> bytes, bool halfClose = false)
    {
        using var socket = await ConnectAsync(port);
        await SendAsync(socket, bytes);
        if (halfClose) EndSending(socket);
        return await ReadAsync(socket);
    }

    /// <summary>The client says that it sends no more; the server may have ended the connection.</summary>
    public static void EndSending(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The answer tells why.
        }
    }

    /// <summary>Sends as far as the server reads: it may refuse before the end.</summary>
    public static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            // The answer tells why.
        }
    }

    /// <summary>A connection to a port.</summary>
    public static async Task<Socket> ConnectAsync(Uri port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPEndPoint.Parse(port.Authority));
        return socket;
    }

    /// <summary>What comes until the server closes the connection.</summary>
    public static async Task<Answer> ReadAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(Hang);
        var received = new MemoryStream();
        var buffer = new byte[65536];
        try
        {
            while (received.Length < Longest && await socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count)
                received.Write(buffer, 0, count);
        }
        catch (SocketException)
        {
            // Reset: what came before it counts.
        }

        var text = Encoding.UTF8.GetString(received.ToArray());
        const string Interim = "HTTP/1.1 100 Continue\r\n\r\n"; // a client skips it
        if (text.StartsWith(Interim, StringComparison.Ordinal)) text = text[Interim.Length..];
        var words = text.Split(' ', 3);
        return new(words.Length == 3 && words[0].StartsWith("HTTP/", StringComparison.Ordinal) ? int.Parse(words[1]) : None, text);
    }

    /// <summary>
    /// A call of gRPC with one message, which need not be one; the answer's text is the status' message, decoded, and the length of what
    /// was streamed before it.
    /// </summary>
    public static async Task<Answer> OfCallAsync(HttpClient http, Uri port, string method, ReadOnlyMemory<byte> message,
        params IReadOnlyList<(string Name, string Value)> headers)
    {
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame.AsMemory(5));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(port, method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { { "content-type", "application/grpc" } } },
        };
        request.Headers.Add("te", "trailers");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await http.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        var status = Values("grpc-status") is { } text ? int.Parse(text) : None;
        return new(
            status, $"{Uri.UnescapeDataString(Values("grpc-message") ?? "")} (HTTP {(int)response.StatusCode}, {body.Length} bytes)");

        string? Values(string name) => response.TrailingHeaders.TryGetValues(name, out var values)
            || response.Headers.TryGetValues(name, out values) ? string.Join(',', values) : null;
    }
}
