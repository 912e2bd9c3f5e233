using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Grpc.Core.Interceptors;

namespace Btx.Server.Access;

/// <summary>
/// Every administrative call: a line of JSON each, appended to a file and flushed to the disk when the call has ended. Of calls that were
/// refused before they were read, the first <see cref="RefusedPerMinute"/> of each caller in a minute are lines, and the rest are one line
/// that counts them, so that nobody fills the disk. Thread-safe.
/// </summary>
internal sealed partial class AuditLog : IDisposable
{
    public const int RefusedPerMinute = 10;
    private const int MostCallers = 1000; // those of tokens are as many as their issuer likes
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly AccessOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _refused = new(StringComparer.Ordinal); // since the minute began, by caller
    private readonly ITimer? _minutes;

    public AuditLog(AccessOptions options, TimeProvider time, ILogger<AuditLog> log)
    {
        (_options, _time, _log) = (options, time, log);
        if (options.AuditFile is not null) _minutes = time.CreateTimer(_ => Summarise(), null, s_minute, s_minute);
    }

    /// <exception cref="BtxException">It is not.</exception>
    public static void RequireWritable(string file)
    {
        try
        {
            Append(file, []);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"--audit {file}: cannot be written ({BtxException.OneLine(e.Message)}); name a file that can", e);
        }
    }

    /// <summary>Middleware, around whatever may refuse the call.</summary>
    public async Task RecordAsync(HttpContext http, RequestDelegate next)
    {
        if (_options.AuditFile is not { } file || !NeedsAttribute.Of(http).HasFlag(Scope.Admin))
        {
            await next(http);
            return;
        }

        OpenAiError? error = null;
        try
        {
            await next(http);
        }
        catch (Exception e)
        {
            error = OpenAiError.Of(e, http.RequestAborted); // over HTTP it is answered further out
            throw;
        }
        finally
        {
            Write(file, http, error);
        }
    }

    /// <summary>What was refused since the last minute began is written.</summary>
    public void Dispose()
    {
        _minutes?.Dispose();
        Summarise();
    }

    private void Write(string file, HttpContext http, OpenAiError? error)
    {
        var (status, message) = RpcStatus.Of(http);
        var refusal = http.Features.Get<Refusal>(); // of HTTP; also of one that came within a stream
        var (caller, request) = (AccessControl.IdOf(http.User), http.Features.Get<AuditedRequest>()?.Json);
        var isRefused = Listener.IsGrpc(http)
            ? status is StatusCode.Unauthenticated or StatusCode.PermissionDenied or StatusCode.Unavailable or StatusCode.ResourceExhausted
            : http.Response.StatusCode is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden
                or StatusCodes.Status415UnsupportedMediaType or StatusCodes.Status503ServiceUnavailable;
        if (request is null && isRefused && !IsAmongTheFirst(caller)) return;
        Write(file, new
        {
            Time = _time.GetUtcNow(),
            Caller = caller,
            Certificate = http.Connection.ClientCertificate is { } own ? BtxException.OneLine(own.Subject, 200) : null,
            Remote = http.Connection.RemoteIpAddress?.ToString(),
            Call = http.Request.Path.Value,
            RequestId = http.TraceIdentifier,
            Request = request,
            Outcome = Listener.IsGrpc(http) ? $"{status ?? StatusCode.Cancelled}"
                : error is not null ? $"{error.Status}"
                : http.Response.StatusCode < 400 && refusal is not null ? refusal.Reason : $"{http.Response.StatusCode}",
            Message = message ?? error?.Message ?? refusal?.Message,
        });
    }

    private bool IsAmongTheFirst(string caller)
    {
        lock (_refused)
        {
            if (_refused.Count >= MostCallers && !_refused.ContainsKey(caller)) caller = "others";
            return (_refused[caller] = _refused.GetValueOrDefault(caller) + 1) <= RefusedPerMinute;
        }
    }

    private void Summarise()
    {
        if (_options.AuditFile is not { } file) return;
        KeyValuePair<string, int>[] counts;
        lock (_refused)
        {
            counts = [.. _refused.Where(one => one.Value > RefusedPerMinute)];
            _refused.Clear();
        }

        foreach (var (caller, count) in counts)
        {
            var more = count - RefusedPerMinute;
            Write(file, new { Time = _time.GetUtcNow(), Caller = caller, Outcome = "refused", MoreInTheLastMinute = more });
        }
    }

    private void Write<T>(string file, T entry)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(entry, s_json);
        try
        {
            lock (_gate) Append(file, [.. line, (byte)'\n']);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogProblem(_log, file, Encoding.UTF8.GetString(line), e.Message);
        }
    }

    // Opened for each line: who moves the file away finds the next one in a new file.
    private static void Append(string file, byte[] line)
    {
        var mode = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) mode.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file, mode);
        stream.Write(line);
        stream.Flush(flushToDisk: true);
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "--audit {File}: cannot be written: {Line}: {Problem}")]
    private static partial void LogProblem(ILogger logger, string file, string line, string problem);
}

/// <summary>What an administrative call asks for; left with it as a feature.</summary>
internal sealed record AuditedRequest(JsonObject Json);

/// <summary>Keeps the message of an administrative call for the <see cref="AuditLog"/>.</summary>
internal sealed class AuditInterceptor : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Keep(request, context);
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Keep(request, context);
        return continuation(request, responseStream, context);
    }

    private static void Keep(object request, ServerCallContext context)
    {
        var http = context.GetHttpContext();
        if (!NeedsAttribute.Of(http).HasFlag(Scope.Admin)) return;
        http.Features.Set(new AuditedRequest(MessageJson.Node((IMessage)request)));
    }
}
