using Btx.Engine;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;

namespace Btx.Server.Doors;

/// <summary>
/// Reads the body of a request within bounds: all bodies that are being read share a budget, of which each takes what it has beyond its
/// first bytes, and each has a time to arrive in. What is wrong with a body is its client's fault, whichever layer finds it, and so is one
/// that breaks off.
/// </summary>
internal sealed class RequestBody : Stream
{
    /// <summary>Bytes of a body that need no budget: a small request is read however many large ones hang.</summary>
    public const int Free = 64 << 10;

    private readonly Stream _inner;
    private readonly BodyBudget _budget;
    private readonly CancellationTokenSource _late;
    private readonly TimeSpan _time;
    private readonly bool _isRpc;
    private readonly HttpContext _http;
    private readonly CancellationToken _aborted;
    private readonly CancellationToken _stopping;
    private long _read;
    private long _taken;

    private RequestBody(HttpContext http, BodyBudget budget, TimeSpan time, CancellationToken stopping)
    {
        (_http, _inner, _budget, _time) = (http, http.Request.Body, budget, time);
        (_isRpc, _aborted) = (Door.IsRpc(http), http.RequestAborted);
        _stopping = _isRpc ? default : stopping; // the health of the gRPC door is asked with a body
        _late = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
        _late.CancelAfter(time);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Middleware; the budget is returned with the body's end, at the latest with the request's.</summary>
    /// <param name="time">In which a body must have arrived.</param>
    /// <param name="stopping">The server shuts down: what asks for work at the HTTP door is refused, however much of it has come.</param>
    public static async Task BoundAsync(HttpContext http, RequestDelegate next, BodyBudget budget, TimeSpan time,
        CancellationToken stopping)
    {
        var body = new RequestBody(http, budget, time, stopping);
        await using (body.ConfigureAwait(false))
        {
            http.Request.Body = body;
            await next(http).ConfigureAwait(false);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _late.Token);
        int count;
        try
        {
            count = await _inner.ReadAsync(buffer, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            HalfClosed.GiveUp(_http);
            throw new RequestRejectedException(RejectionReason.ShuttingDown, "the server is shutting down");
        }
        catch (OperationCanceledException) when (_late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var late = $"the body did not arrive within {_time.TotalSeconds:0.#} s";
            HalfClosed.GiveUp(_http);
            throw Invalid(late, StatusCodes.Status408RequestTimeout, StatusCode.InvalidArgument, null);
        }
        catch (Exception e) when (!_isRpc && HasBrokenOff(e))
        {
            const string BrokenOff = "the connection ended before the whole body had come";
            throw Invalid(BrokenOff, StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, e);
        }
        catch (Exception e) when (e is not (OperationCanceledException or BadHttpRequestException
            or ConnectionResetException))
        {
            const string Unreadable = "the body cannot be read: it is damaged, or not encoded as its headers say";
            throw Invalid(Unreadable, StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, e);
        }

        _read += count;
        if (count == 0) Return();
        else if (_read - Free > _taken) Take(_read - Free - _taken);
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("bodies are read asynchronously");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Return();
            _late.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool HasBrokenOff(Exception e) => e is ConnectionResetException or ConnectionAbortedException
        || (e is OperationCanceledException && (_aborted.IsCancellationRequested || e.InnerException is ConnectionAbortedException));

    private void Take(long bytes)
    {
        if (!_budget.TryTake(bytes))
        {
            const string Full = "the server is reading as many large requests as it can hold; try again";
            throw Invalid(Full, StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted, null);
        }

        _taken += bytes;
    }

    private void Return()
    {
        _budget.Return(_taken);
        _taken = 0;
        _read = 0;
    }

    private Exception Invalid(string message, int status, StatusCode code, Exception? cause) =>
        _isRpc ? new RpcException(new(code, message, cause)) : new BadHttpRequestException(message, status, cause!);
}
