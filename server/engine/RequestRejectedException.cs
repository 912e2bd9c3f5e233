namespace Btx.Engine;

public sealed class RequestRejectedException : Exception
{
    public RequestRejectedException(RequestProblem problem) : this(problem.Reason, problem.Message) => Problem = problem;

    public RequestRejectedException(RejectionReason reason, string message)
        : base(BtxException.OneLine(message, BtxException.MaxMessage)) => Reason = reason;

    public RequestRejectedException(string message) : this(RejectionReason.InvalidArgument, message) { }

    public RequestRejectedException(string message, Exception inner)
        : base(BtxException.OneLine(message, BtxException.MaxMessage), inner)
    {
    }

    public RequestRejectedException() { }

    public RejectionReason Reason { get; }

    /// <summary>The rule that the request breaks; null: it is refused for another reason.</summary>
    public RequestProblem? Problem { get; }
}

/// <summary>Why a request is not run, and the status that HTTP and gRPC give it.</summary>
public enum RejectionReason
{
    /// <summary>gRPC InvalidArgument, HTTP 400.</summary>
    InvalidArgument,

    /// <summary>An unknown expert or domain: gRPC NotFound, HTTP 404.</summary>
    NotFound,

    /// <summary>The queue is full: gRPC ResourceExhausted, HTTP 429.</summary>
    Busy,

    /// <summary>It needs an expert whose files were damaged under the server: gRPC Internal, HTTP 500.</summary>
    Damaged,

    /// <summary>Shutting down: gRPC Unavailable, HTTP 503.</summary>
    ShuttingDown,

    /// <summary>A change of the forest ended it; sent again it may run: gRPC Aborted, HTTP 409.</summary>
    Aborted,

    /// <summary>It cannot be done as things are: gRPC FailedPrecondition, HTTP 400.</summary>
    Precondition,

    /// <summary>The server's memory does not suffice: gRPC ResourceExhausted, HTTP 503.</summary>
    Exhausted,

    /// <summary>Its sender may not have it: gRPC PermissionDenied, HTTP 403.</summary>
    Forbidden,

    /// <summary>The server's own fault: gRPC Internal, HTTP 500.</summary>
    Failed,
}

/// <param name="Parameter">The request's field, by its wire name.</param>
/// <param name="Message">One line: the value found and what is expected.</param>
/// <param name="Code">A machine's word for it, as OpenAI's errors have; null: none.</param>
public sealed record RequestProblem(
    string Parameter, string Message, RejectionReason Reason = RejectionReason.InvalidArgument, string? Code = null)
{
    /// <summary>The code of a text that is longer than the context.</summary>
    public const string ContextLengthExceeded = "context_length_exceeded";
}
