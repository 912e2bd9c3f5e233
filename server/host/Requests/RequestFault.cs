using Btx.Engine;

namespace Btx.Server.Requests;

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Parameter">The request's field, by its wire name.</param>
/// <param name="Message">One line: the value found and what is expected.</param>
internal sealed record RequestFault(string Parameter, string Message, RejectionReason Reason = RejectionReason.InvalidArgument);
