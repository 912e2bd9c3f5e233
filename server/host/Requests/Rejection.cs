namespace Btx.Server.Requests;

/// <summary>Why a request was refused, in the one form that HTTP and gRPC translate.</summary>
internal static class Rejection
{
    // UTF-16 characters. A gRPC message travels in a trailer, where a character can take nine bytes and many clients take 8 KiB in all.
    private const int MaxMessage = 800;

    /// <summary>Null for a failure that nobody foresaw, of which a client is told no more.</summary>
    /// <param name="paths">Who asks may change the forest, and may know where its files lie.</param>
    public static RequestProblem? Of(Exception exception, bool paths = false) => exception switch
    {
        RequestRejectedException { InnerException: null, Problem: var problem } => problem with
        {
            Message = BtxException.OneLine(problem.Message, MaxMessage),
            Parameter = problem.Parameter is { } parameter ? BtxException.OneLine(parameter, 100) : null,
        },
        BtxException e => new(null, BtxException.OneLine(paths ? e.Message : BtxException.WithoutDirectories(e.Message), MaxMessage),
            e.Kind),
        OutOfMemoryException => new(null, "the server has not enough memory for this", ErrorKind.Exhausted),
        _ => null,
    };

    /// <summary>The statuses of HTTP and gRPC.</summary>
    public static (int Http, StatusCode Grpc) Status(this ErrorKind kind) => kind switch
    {
        ErrorKind.Missing => (StatusCodes.Status404NotFound, StatusCode.NotFound),
        ErrorKind.Busy => (StatusCodes.Status429TooManyRequests, StatusCode.ResourceExhausted),
        ErrorKind.Unavailable => (StatusCodes.Status503ServiceUnavailable, StatusCode.Unavailable),
        ErrorKind.Conflict => (StatusCodes.Status409Conflict, StatusCode.Aborted),
        ErrorKind.Forbidden => (StatusCodes.Status403Forbidden, StatusCode.PermissionDenied),
        ErrorKind.Precondition => (StatusCodes.Status400BadRequest, StatusCode.FailedPrecondition),
        ErrorKind.Exhausted => (StatusCodes.Status503ServiceUnavailable, StatusCode.ResourceExhausted),
        ErrorKind.Damaged or ErrorKind.Internal => (StatusCodes.Status500InternalServerError, StatusCode.Internal),
        _ => (StatusCodes.Status400BadRequest, StatusCode.InvalidArgument),
    };
}
