using Btx.Engine;

namespace Btx.Server.Requests;

/// <summary>A request that the server refuses before the engine sees it.</summary>
internal sealed class InvalidRequestException(RequestFault fault) : Exception(fault.Message)
{
    public RequestFault Fault { get; } = fault;

    public static InvalidRequestException For(string parameter, string message) => new(new(parameter, message));
}
