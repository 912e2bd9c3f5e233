using Btx.Engine;
using Btx.Model;

namespace Btx.Server.Requests;

/// <summary>A request that the server refuses before the engine sees it.</summary>
internal sealed class InvalidRequestException(RequestFault fault) : Exception(BtxException.OneLine(fault.Message, BtxException.MaxMessage))
{
    public RequestFault Fault { get; } = fault;

    public static InvalidRequestException For(string parameter, string message) => new(new(parameter, message));
}
