using Btx.Model;

namespace Btx.Engine;

/// <summary>A request the engine will not run; the message is one clear line.</summary>
public sealed class RequestRejectedException : Exception
{
    public RequestRejectedException(RequestFault fault) : this(fault.Reason, fault.Message) => Fault = fault;

    public RequestRejectedException(RejectionReason reason, string message)
        : base(BtxException.OneLine(message, BtxException.MaxMessage)) =>
        Reason = reason;

    public RequestRejectedException(string message) : this(RejectionReason.InvalidArgument, message) { }

    public RequestRejectedException(string message, Exception inner)
        : base(BtxException.OneLine(message, BtxException.MaxMessage), inner)
    {
    }

    public RequestRejectedException() { }

    public RejectionReason Reason { get; }

    /// <summary>The rule that the request breaks; null: it is refused for another reason.</summary>
    public RequestFault? Fault { get; }
}
