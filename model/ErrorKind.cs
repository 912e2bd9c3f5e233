namespace Btx.Model;

/// <summary>Whose fault a <see cref="BtxException"/> is, for services that answer with a status.</summary>
public enum ErrorKind
{
    /// <summary>The server's own: damaged weights or files that it serves, a library that fails; and whatever
    /// nobody knows better of: gRPC Internal.</summary>
    Internal,

    /// <summary>What was asked is wrong in itself: gRPC InvalidArgument.</summary>
    Invalid,

    /// <summary>It cannot be done as things are: gRPC FailedPrecondition.</summary>
    Precondition,

    /// <summary>What was named is not there: gRPC NotFound.</summary>
    Missing,

    /// <summary>Something else is under way, or came first; the same may succeed later: gRPC Aborted.</summary>
    Conflict,

    /// <summary>Shutting down: gRPC Unavailable.</summary>
    Unavailable,

    /// <summary>The server's memory, disk or files do not suffice: gRPC ResourceExhausted.</summary>
    Exhausted,
}
