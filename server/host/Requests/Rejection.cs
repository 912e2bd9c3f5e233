using Btx.Engine;
using Btx.Model;

namespace Btx.Server.Requests;

/// <summary>Why a request was refused, in the one form that both doors translate.</summary>
internal sealed record Rejection(RejectionReason Reason, string Message, string? Parameter, string? Code = null)
{
    // In UTF-16 characters. A gRPC message travels in a trailer, where a character can take nine bytes and many clients take 8 KiB in all.
    private const int MaxMessage = 800;

    /// <summary>Null for a failure that is not the request's fault, such as an engine that has failed.</summary>
    public static Rejection? Of(Exception exception) => exception switch
    {
        InvalidRequestException e => Of(e.Fault),
        RequestRejectedException { Fault: { } fault } => Of(fault),
        RequestRejectedException { InnerException: null } e => Of(new RequestFault("", e.Message, e.Reason)) with { Parameter = null },
        BtxException e => Of(new RequestFault("", e.Message)) with { Parameter = null },
        _ => null,
    };

    private static Rejection Of(RequestFault fault) =>
        new(fault.Reason, BtxException.OneLine(fault.Message, MaxMessage), BtxException.OneLine(fault.Parameter, 100), fault.Code);
}
