using Btx.Engine;
using Btx.Model;

namespace Btx.Server.Requests;

/// <summary>Why a request was refused, in the one form that both doors translate.</summary>
internal sealed record Rejection(RejectionReason Reason, string Message, string? Parameter)
{
    /// <summary>Null for a failure that is not the request's fault, such as an engine that has failed.</summary>
    public static Rejection? Of(Exception exception) => exception switch
    {
        InvalidRequestException e => new(e.Fault.Reason, e.Message, e.Fault.Parameter),
        RequestRejectedException { InnerException: null } e => new(e.Reason, e.Message, null),
        BtxException e => new(RejectionReason.InvalidArgument, e.Message, null),
        _ => null,
    };
}
