namespace Btx.Engine;

/// <summary>Why a request is not run, and the status the doors give it.</summary>
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
}
