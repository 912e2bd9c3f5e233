namespace Btx.Engine;

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Parameter">The request's field, by its wire name.</param>
/// <param name="Message">One line: the value found and what is expected.</param>
/// <param name="Code">A machine's word for it, as OpenAI's errors have; null: none.</param>
public sealed record RequestFault(
    string Parameter, string Message, RejectionReason Reason = RejectionReason.InvalidArgument, string? Code = null)
{
    /// <summary>The code of a text that is longer than the context.</summary>
    public const string ContextLengthExceeded = "context_length_exceeded";
}
