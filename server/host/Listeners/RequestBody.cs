namespace Btx.Server.Listeners;

/// <summary>Reads a body in bounded time, from a budget that all share. What is wrong with it is its client's fault.</summary>
internal sealed class RequestBody : Stream
{
    /// <summary>Bytes of a body that need no budget: a small request is read however many large ones hang.</summary>
    public const int Free = 64 << 10;

    private readonly Stream _inner;
    private readonly BodyBudget _budget;
    private readonly CancellationTokenSource _late;
    private readonly TimeSpan _time;
    private readonly bool _isGrpc;
    private readonly HttpContext _http;
    private readonly CancellationToken _aborted;
    private readonly CancellationToken _stopping;
    private long _read;
    private long _taken;

    private RequestBody(HttpContext http, BodyBudget budget, TimeSpan time, CancellationToken stopping)
    {
        (_http, _inner, _budget, _time) = (http, http.Request.Body, budget, time);
        (_isGrpc, _aborted) = (Listener.IsGrpc(http), http.RequestAborted);
        _stopping = _isGrpc ? default : stopping; // health over gRPC is asked with a body
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
    /// <param name="stopping">The server shuts down: what asks for work over HTTP is refused, however much of it has come.</param>
    public static async Task BoundAsync(HttpContext http, RequestDelegate next, BodyBudget budget, TimeSpan time,
        CancellationToken stopping)
    {
        var body = new RequestBody(http, budget, time, stopping);
        await using (body)
        {
            http.Request.Body = body;
            await next(http);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _late.Token);
        int count;
        try
        {
            count = await _inner.ReadAsync(buffer, either.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            HalfClosed.GiveUp(_http);
            throw new RequestRejectedException(ErrorKind.Unavailable, "the server is shutting down");
        }
        catch (OperationCanceledException) when (_late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            HalfClosed.GiveUp(_http);
            throw Invalid($"the body did not arrive within {_time.TotalSeconds:0.#} s", null, StatusCodes.Status408RequestTimeout);
        }
        catch (Exception e) when (HasBrokenOff(e))
        {
            throw Invalid("the connection ended before the whole body had come", e, code: StatusCode.Cancelled);
        }
        catch (Exception e) when (e is not (OperationCanceledException or BadHttpRequestException or ConnectionResetException))
        {
            throw Invalid("the body cannot be read: it is damaged, or not encoded as its headers say", e);
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
        || (e is OperationCanceledException or IOException // of HTTP/2, of a stream that its client reset
            && (_aborted.IsCancellationRequested || e.InnerException is ConnectionAbortedException or ConnectionResetException));

    private void Take(long bytes)
    {
        if (!_budget.TryTake(bytes))
            throw Invalid("the server is reading as many large requests as it can hold; try again", null,
                StatusCodes.Status503ServiceUnavailable, StatusCode.ResourceExhausted);
        _taken += bytes;
    }

    private void Return()
    {
        _budget.Return(_taken);
        (_taken, _read) = (0, 0);
    }

    private Exception Invalid(string message, Exception? cause, int status = StatusCodes.Status400BadRequest,
        StatusCode code = StatusCode.InvalidArgument) =>
        _isGrpc ? new RpcException(new(code, message, cause)) : new BadHttpRequestException(message, status, cause!);
}

/// <summary>Bytes that bodies being read may hold together, beyond the first <see cref="RequestBody.Free"/> of each. Thread-safe.</summary>
internal sealed class BodyBudget(long bytes)
{
    private const long Most = 64 << 20;
    private long _left = bytes;

    public long Bytes { get; } = bytes;

    /// <summary>A part of the memory that this process may use, and two of the largest bodies at least.</summary>
    /// <param name="largest">Bytes of the largest body that is taken.</param>
    public static BodyBudget Of(int largest) =>
        new(Math.Max(2L * largest, Math.Min(Most, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 64)));

    public bool TryTake(long count)
    {
        if (Interlocked.Add(ref _left, -count) >= 0) return true;
        Return(count);
        return false;
    }

    public void Return(long count) => Interlocked.Add(ref _left, count);
}
