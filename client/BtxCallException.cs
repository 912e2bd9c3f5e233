using System.Globalization;
using System.Text;
using Google.Rpc;

namespace Btx.Client;

/// <summary>What a call failed for.</summary>
public enum CallFailure
{
    /// <summary>The server refused it: <see cref="BtxCallException.Status"/> and the rest say why.</summary>
    Refused,

    /// <summary>The options are wrong, or the request has something that the server has no field for: nothing was sent.</summary>
    NotMade,

    /// <summary>No server listens there, what listens is no server of gRPC, or TLS finds no trust.</summary>
    NotReached,

    /// <summary>The server went away before its answer ended.</summary>
    BrokenOff,

    /// <summary>The server gave no answer in the time that it had.</summary>
    TooLate,
}

/// <summary>A call that failed; the message is one line.</summary>
public sealed class BtxCallException : Exception
{
    private const int MaxMessage = 2000; // UTF-16 characters

    internal BtxCallException(CallFailure failure, string message, Exception? inner = null) : base(OneLine(message), inner) =>
        Failure = failure;

    /// <summary>A refusal, with what the server says of it in google.rpc.Status.</summary>
    internal static BtxCallException Of(RpcException e)
    {
        var detail = e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}";
        Google.Rpc.Status? status = null;
        try
        {
            status = e.GetRpcStatus();
        }
        catch (Google.Protobuf.InvalidProtocolBufferException)
        {
            // Another server's, or a proxy's: the status alone counts.
        }

        return new(CallFailure.Refused, detail, e)
        {
            Status = e.StatusCode,
            Code = status?.GetDetail<ErrorInfo>()?.Reason,
            Violations = [.. (status?.GetDetail<BadRequest>()?.FieldViolations ?? [])
                .Select(v => new FieldViolation(v.Field, v.Description))],
            RetryAfter = status?.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan(),
        };
    }

    /// <summary>What it failed for.</summary>
    public CallFailure Failure { get; }

    /// <summary>Of a refusal.</summary>
    public StatusCode? Status { get; private init; }

    /// <summary>A machine's word for the refusal, the same as over HTTP: <c>rate_limit_exceeded</c>; null: the server gave none.</summary>
    public string? Code { get; private init; }

    /// <summary>The fields of the request that are at fault.</summary>
    public IReadOnlyList<FieldViolation> Violations { get; private init; } = [];

    /// <summary>The first field that is at fault, as a path in the request's message; null: none is.</summary>
    public string? Field => Violations.Count > 0 ? Violations[0].Field : null;

    /// <summary>When the same call may be tried again; null: the server does not say.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>What a terminal or a log would obey instead of show is escaped.</summary>
    internal static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (var c in text.Length > MaxMessage ? text[..MaxMessage] + "…" : text)
        {
            var isShown = char.GetUnicodeCategory(c) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            _ = isShown ? line.Append(c) : c == '\n' ? line.Append("\\n") : line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return line.ToString();
    }
}

/// <summary>A field of a request that breaks a rule.</summary>
/// <param name="Field">Its path, as in <c>messages[0].role</c>.</param>
/// <param name="Description">What is wrong with it.</param>
public sealed record FieldViolation(string Field, string Description);
