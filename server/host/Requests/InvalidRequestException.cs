using Btx.Engine;
using Btx.Model;

namespace Btx.Server.Requests;

/// <summary>A request that the server refuses before the engine sees it.</summary>
internal sealed class InvalidRequestException(RequestProblem problem) : Exception(BtxException.OneLine(problem.Message, BtxException.MaxMessage))
{
    public RequestProblem Problem { get; } = problem;

    public static InvalidRequestException For(string parameter, string message) => new(new(parameter, message));
}
