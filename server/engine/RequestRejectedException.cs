namespace Btx.Engine;

/// <summary>A request that is not run.</summary>
/// <param name="problem">Its message becomes one line.</param>
/// <param name="inner">Null, unless the engine has failed: then the failure.</param>
public sealed class RequestRejectedException(RequestProblem problem, Exception? inner = null)
    : Exception(BtxException.OneLine(problem.Message, BtxException.MaxMessage), inner)
{
    public RequestRejectedException(ErrorKind kind, string message, Exception? inner = null)
        : this(new RequestProblem(null, message, kind), inner)
    {
    }

    public RequestProblem Problem => problem;

    public ErrorKind Kind => problem.Kind;

    /// <summary>A field that breaks a rule.</summary>
    public static RequestRejectedException For(string parameter, string message) => new(new RequestProblem(parameter, message));

    /// <param name="problem">What is wrong with the field; its name is put before it.</param>
    public static RequestRejectedException At(string field, string problem) => For(field, $"{field} {problem}");
}

/// <summary>Why a request is not run.</summary>
/// <param name="Parameter">The request's field, by its wire name; null: none is at fault.</param>
/// <param name="Message">One line: the value found and what is expected.</param>
/// <param name="Code">A machine's word for it, as OpenAI's errors have; null: none.</param>
public sealed record RequestProblem(string? Parameter, string Message, ErrorKind Kind = ErrorKind.Invalid, string? Code = null)
{
    /// <summary>Where <see cref="Parameter"/> is the model: the routing's option that is at fault, by its wire name; null: none
    /// is.</summary>
    public string? RoutingOption { get; init; }

    /// <summary>The code of a text that is longer than the context.</summary>
    public const string ContextLengthExceeded = "context_length_exceeded";
}
