using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Grpc.Core.Interceptors;

namespace Btx.Server.Access;

/// <summary>
/// Every administrative call, refused ones among them: a line of JSON each, appended to a file and flushed to the disk when the call has
/// ended. Thread-safe.
/// </summary>
internal sealed partial class AuditLog(AccessOptions options, TimeProvider time, ILogger<AuditLog> log)
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Lock _gate = new();

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
        if (options.AuditFile is not { } file || !NeedsAttribute.Of(http).HasFlag(Scope.Admin))
        {
            await next(http);
            return;
        }

        try
        {
            await next(http);
        }
        finally
        {
            Write(file, http);
        }
    }

    private void Write(string file, HttpContext http)
    {
        var (status, message) = RpcStatus.Of(http);
        var line = JsonSerializer.SerializeToUtf8Bytes(new
        {
            Time = time.GetUtcNow(),
            Caller = AccessControl.IdOf(http.User),
            Remote = http.Connection.RemoteIpAddress?.ToString(),
            Call = http.Request.Path.Value,
            RequestId = http.TraceIdentifier,
            Request = http.Features.Get<AuditedRequest>()?.Json,
            Outcome = Listener.IsGrpc(http) ? $"{status ?? StatusCode.Cancelled}" : $"{http.Response.StatusCode}",
            Message = message,
        }, s_json);
        try
        {
            lock (_gate) Append(file, [.. line, (byte)'\n']);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogProblem(log, file, Encoding.UTF8.GetString(line), e.Message);
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
