namespace Btx.Engine;

/// <summary>A request the engine will not run; the message is one clear line.</summary>
public sealed class RequestRejectedException : Exception
{
    public RequestRejectedException(RejectionReason reason, string message) : base(message) => Reason = reason;

    public RequestRejectedException(string message) : this(RejectionReason.InvalidArgument, message) { }

    public RequestRejectedException(string message, Exception inner) : base(message, inner) { }

    public RequestRejectedException() { }

    public RejectionReason Reason { get; }
}
