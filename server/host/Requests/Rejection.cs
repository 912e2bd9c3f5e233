namespace Btx.Server.Requests;

/// <summary>Why a request was refused, in the one form that HTTP and gRPC translate.</summary>
internal sealed record Rejection(RejectionReason Reason, string Message, string? Parameter, string? Code = null)
{
    // UTF-16 characters. A gRPC message travels in a trailer, where a character can take nine bytes and many clients take 8 KiB in all.
    private const int MaxMessage = 800;

    /// <summary>Null for a failure that nobody foresaw, of which a client is told no more.</summary>
    public static Rejection? Of(Exception exception) => exception switch
    {
        InvalidRequestException e => Of(e.Problem),
        RequestRejectedException { Problem: { } problem } => Of(problem),
        RequestRejectedException { InnerException: null } e => Of(new RequestProblem("", e.Message, e.Reason)) with { Parameter = null },
        BtxException e => Of(new RequestProblem("", e.Message, ReasonOf(e.Kind))) with { Parameter = null },
        OutOfMemoryException => new(RejectionReason.Exhausted, "the server has not enough memory for this", null),
        _ => null,
    };

    private static Rejection Of(RequestProblem problem) =>
        new(problem.Reason, BtxException.OneLine(problem.Message, MaxMessage), BtxException.OneLine(problem.Parameter, 100), problem.Code);

    /// <summary>The statuses of HTTP and gRPC.</summary>
    public (int Http, StatusCode Grpc) Status => Reason switch
    {
        RejectionReason.NotFound => (StatusCodes.Status404NotFound, StatusCode.NotFound),
        RejectionReason.Busy => (StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted),
        RejectionReason.ShuttingDown => (StatusCodes.Status503ServiceUnavailable, StatusCode.Unavailable),
        RejectionReason.Aborted => (StatusCodes.Status409Conflict, StatusCode.Aborted),
        RejectionReason.Forbidden => (StatusCodes.Status403Forbidden, StatusCode.PermissionDenied),
        RejectionReason.Precondition => (StatusCodes.Status400BadRequest, StatusCode.FailedPrecondition),
        RejectionReason.Exhausted => (StatusCodes.Status503ServiceUnavailable, StatusCode.ResourceExhausted),
        RejectionReason.Damaged or RejectionReason.Failed => (StatusCodes.Status500InternalServerError, StatusCode.Internal),
        _ => (StatusCodes.Status400BadRequest, StatusCode.InvalidArgument),
    };

    private static RejectionReason ReasonOf(ErrorKind kind) => kind switch
    {
        ErrorKind.Invalid => RejectionReason.InvalidArgument,
        ErrorKind.Precondition => RejectionReason.Precondition,
        ErrorKind.Missing => RejectionReason.NotFound,
        ErrorKind.Conflict => RejectionReason.Aborted,
        ErrorKind.Unavailable => RejectionReason.ShuttingDown,
        ErrorKind.Exhausted => RejectionReason.Exhausted,
        _ => RejectionReason.Failed,
    };
}

/// <summary>A request that the server refuses before the engine sees it.</summary>
internal sealed class InvalidRequestException(RequestProblem problem)
    : Exception(BtxException.OneLine(problem.Message, BtxException.MaxMessage))
{
    public RequestProblem Problem { get; } = problem;

    public static InvalidRequestException For(string parameter, string message) => new(new(parameter, message));
}
