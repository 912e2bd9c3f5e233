using System.Text.Encodings.Web;
using Btx.Model.Registry;

namespace Btx.Server.Access;

/// <summary>
/// Every administrative call: a line of JSON each, appended to a file and flushed to the disk when the call has ended. Of calls that were
/// refused or failed, the first <see cref="RefusedPerMinute"/> of each caller in a minute are lines, and the rest are one line that counts
/// them, so that nobody fills the disk. Thread-safe.
/// </summary>
internal sealed partial class AuditLog : IDisposable
{
    public const int RefusedPerMinute = 10;
    private const int MostCallers = 1000; // those of tokens are as many as their issuer likes
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

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

    /// <summary>Of its lines.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

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

        (string Outcome, string? Message)? failure = null;
        try
        {
            await next(http);
        }
        catch (Exception e)
        {
            failure = OpenAiError.Of(e, http.RequestAborted) is { } error ? ($"{error.Status}", error.Message) // answered further out
                : (nameof(StatusCode.Cancelled), "the client left");
            throw;
        }
        finally
        {
            Write(file, http, failure);
        }
    }

    /// <summary>What was refused since the last minute began is written.</summary>
    public void Dispose()
    {
        _minutes?.Dispose();
        Summarise();
    }

    // What became of the change counts, where one was begun: its client may have left before or after it was committed.
    private void Write(string file, HttpContext http, (string Outcome, string? Message)? failure)
    {
        var (caller, change) = (AccessControl.IdOf(http.User), http.Features.Get<AuditedChange>());
        var (outcome, message) = failure ?? OutcomeOf(http);
        var isDone = change is null ? outcome is nameof(StatusCode.OK) or ['2', _, _] : change.Outcome == ChangeOutcome.Committed;
        if (!isDone && !IsAmongTheFirst(caller)) return;
        Write(file, new
        {
            Time = _time.GetUtcNow(),
            Caller = caller,
            Certificate = http.Connection.ClientCertificate is { } own ? BtxException.OneLine(own.Subject, 200) : null,
            Remote = http.Connection.RemoteIpAddress?.ToString(),
            Call = BtxException.OneLine(http.Request.Path, 200),
            RequestId = http.TraceIdentifier,
            Request = http.Features.Get<AuditedRequest>()?.Json,
            Change = change?.Id,
            Outcome = change?.Outcome ?? outcome,
            Message = message,
        });
    }

    private static (string Outcome, string? Message) OutcomeOf(HttpContext http)
    {
        var (status, message) = RpcStatus.Of(http);
        if (Listener.IsGrpc(http)) return ($"{status ?? StatusCode.Cancelled}", message);
        var refusal = http.Features.Get<Refusal>(); // also of one that came within a stream
        return (refusal is not null && http.Response.StatusCode < 400 ? refusal.Reason : $"{http.Response.StatusCode}", refusal?.Message);
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
            Write(file, new { Time = _time.GetUtcNow(), Caller = caller, Outcome = "refused or failed", MoreInTheLastMinute = more });
        }
    }

    private void Write<T>(string file, T entry)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(entry, Json);
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
