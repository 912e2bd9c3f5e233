using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Listeners;

/// <summary>One port for HTTP/1.1 and HTTP/2 without TLS, where nothing but its first bytes says which of them a connection speaks. Kestrel
/// has one protocol for such a port: connections of the other are handed over to this, an endpoint of its own.</summary>
/// <param name="patience">In which a connection must say something.</param>
internal sealed class SharedPort(TimeSpan patience) : EndPoint, IConnectionListener
{
    private readonly Channel<ConnectionContext> _handed = Channel.CreateUnbounded<ConnectionContext>();

    EndPoint IConnectionListener.EndPoint => this;

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2"u8; // the rest of it is read by who speaks it

    /// <summary>Middleware of connections at the port that speaks HTTP/1.1.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate http1)
    {
        var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        if (!await IsHttp2Async(connection.Transport.Input, stopping))
        {
            await http1(connection);
            return;
        }

        var handed = new Handed(connection);
        if (_handed.Writer.TryWrite(handed)) await handed.Ended;
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _handed.Reader.WaitToReadAsync(cancellationToken))
        {
            if (_handed.Reader.TryRead(out var connection)) return connection;
        }

        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _handed.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    public override string ToString() => "HTTP/2 of the port of administration";

    // One that says nothing is left to HTTP/1.1, which soon ends it.
    private async Task<bool> IsHttp2Async(PipeReader input, CancellationToken stopping)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        late.CancelAfter(patience);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(late.Token);
                var begin = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, Preface.Length)).ToArray();
                var mayBe = Preface.StartsWith(begin);
                var isKnown = !mayBe || begin.Length == Preface.Length || read.IsCompleted;
                input.AdvanceTo(read.Buffer.Start, isKnown ? read.Buffer.Start : read.Buffer.End);
                if (isKnown) return mayBe && begin.Length == Preface.Length;
            }
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>A connection that is another's: it is not disposed of here.</summary>
    private sealed class Handed(ConnectionContext inner) : ConnectionContext
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => _ended.Task;

        public override string ConnectionId { get => inner.ConnectionId; set => inner.ConnectionId = value; }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items { get => inner.Items; set => inner.Items = value; }

        public override IDuplexPipe Transport { get => inner.Transport; set => inner.Transport = value; }

        public override CancellationToken ConnectionClosed { get => inner.ConnectionClosed; set => inner.ConnectionClosed = value; }

        public override EndPoint? LocalEndPoint { get => inner.LocalEndPoint; set => inner.LocalEndPoint = value; }

        public override EndPoint? RemoteEndPoint { get => inner.RemoteEndPoint; set => inner.RemoteEndPoint = value; }

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override ValueTask DisposeAsync()
        {
            _ended.TrySetResult();
            return base.DisposeAsync();
        }
    }
}
