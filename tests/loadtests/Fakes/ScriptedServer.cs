using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Btx.LoadTests.Tests.Fakes;

/// <summary>Answers every request on a connection with the same bytes, whatever it is asked, and closes.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _serving;

    /// <param name="holdOpen">Do not close after the answer.</param>
    public ScriptedServer(string response, bool holdOpen = false)
    {
        _listener.Start();
        Address = new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _serving = ServeAsync(Encoding.UTF8.GetBytes(response), holdOpen);
    }

    public Uri Address { get; }

    /// <summary>Head and body of each.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>A stream of events, each piece a chunk of its own.</summary>
    public static string Stream(params IEnumerable<string> pieces) =>
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        + string.Concat(pieces.Select(p => $"{Encoding.UTF8.GetByteCount(p):x}\r\n{p}\r\n")) + "0\r\n\r\n";

    public static string Answer(string status,
        string body) => $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: "
            + $"{Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    /// <summary>An address where nobody listens.</summary>
    public static Uri Nobody()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _serving;
        _end.Dispose();
    }

    private async Task ServeAsync(byte[] response, bool holdOpen)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_end.Token);
                var stream = client.GetStream();
                Requests.Add(await ReadAsync(stream));
                await stream.WriteAsync(response, _end.Token);
                if (holdOpen) await Task.Delay(Timeout.Infinite, _end.Token);
            }
        }
        catch (Exception e) when (_end.IsCancellationRequested || e is IOException)
        {
            // The test is over, or the client is.
        }
    }

    private async Task<string> ReadAsync(NetworkStream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[65536];
        while (true)
        {
            var read = await stream.ReadAsync(buffer, _end.Token);
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            var head = text.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (read == 0 || (head >= 0 && text.Length - head - 4 >= Length(text.ToString()))) return text.ToString();
        }
    }

    private static int Length(string head) =>
        head.Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) is { } line
        ? int.Parse(line.Split(':')[1]) : 0;
}
