namespace Btx.Server.Doors;

/// <summary>What a request was refused with; left with it as a feature by whoever refuses, for <see cref="Refusals"/>.</summary>
/// <param name="Reason">A label of the metrics: one of a few.</param>
/// <param name="Message">What the client was told.</param>
/// <param name="Unexpected">A failure that is the server's own; null: the request's.</param>
internal sealed record Refusal(string Reason, string Message, Exception? Unexpected = null)
{
    public const string InvalidRequest = "invalid_request";
    public const string Connections = "connections";
    public const string Internal = "internal";

    /// <summary>The reason of a status of HTTP; null: it is none of a refusal.</summary>
    public static string? ReasonOf(int status) => status switch
    {
        < 400 => null,
        StatusCodes.Status401Unauthorized => "unauthenticated",
        StatusCodes.Status403Forbidden => "forbidden",
        StatusCodes.Status404NotFound => "not_found",
        StatusCodes.Status405MethodNotAllowed or StatusCodes.Status415UnsupportedMediaType => "unsupported",
        StatusCodes.Status408RequestTimeout => "timeout",
        StatusCodes.Status409Conflict => "conflict",
        StatusCodes.Status413PayloadTooLarge or StatusCodes.Status414UriTooLong
            or StatusCodes.Status431RequestHeaderFieldsTooLarge => "too_large",
        StatusCodes.Status429TooManyRequests => "busy",
        StatusCodes.Status503ServiceUnavailable => "unavailable",
        < 500 or StatusCodes.Status505HttpVersionNotsupported => InvalidRequest,
        _ => Internal,
    };

    /// <summary>The reason of a status of gRPC; null: it is none of a refusal (a client's own deadline and leaving are not).</summary>
    public static string? ReasonOf(Grpc.Core.StatusCode status) => status switch
    {
        Grpc.Core.StatusCode.OK or Grpc.Core.StatusCode.Cancelled or Grpc.Core.StatusCode.DeadlineExceeded => null,
        Grpc.Core.StatusCode.Unauthenticated => "unauthenticated",
        Grpc.Core.StatusCode.PermissionDenied => "forbidden",
        Grpc.Core.StatusCode.NotFound => "not_found",
        Grpc.Core.StatusCode.Unimplemented => "unsupported",
        Grpc.Core.StatusCode.Aborted or Grpc.Core.StatusCode.FailedPrecondition => "conflict",
        Grpc.Core.StatusCode.ResourceExhausted => "busy",
        Grpc.Core.StatusCode.Unavailable => "unavailable",
        Grpc.Core.StatusCode.InvalidArgument or Grpc.Core.StatusCode.OutOfRange or Grpc.Core.StatusCode.AlreadyExists => InvalidRequest,
        _ => Internal,
    };
}
