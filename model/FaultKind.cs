namespace Btx.Model;

/// <summary>What kind of failure a <see cref="BtxException"/> is, for services that answer with a status.</summary>
public enum FaultKind
{
    /// <summary>It cannot be done as things are: gRPC FailedPrecondition.</summary>
    Precondition,

    /// <summary>What was named is not there: gRPC NotFound.</summary>
    Missing,

    /// <summary>Something else is under way, or came first; the same may succeed later: gRPC Aborted.</summary>
    Conflict,

    /// <summary>Shutting down: gRPC Unavailable.</summary>
    Unavailable,
}
