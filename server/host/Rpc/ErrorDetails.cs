using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace Btx.Server.Rpc;

/// <summary>Refusals as google.rpc.Status: always with an ErrorInfo, whose reason is a machine's word for it, the same as HTTP's code; with
/// a BadRequest where a field is at fault, and a RetryInfo where the same call may succeed later.</summary>
internal static class ErrorDetails
{
    /// <summary>The trailer that it travels in.</summary>
    public const string Header = "grpc-status-details-bin";

    private const string Domain = "btx";
    private const int MostBytes = 7000; // of the message and the details as headers: many clients take 8 KiB of headers in all
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(1); // as over HTTP

    /// <param name="wait">When the caller's quota takes it; null: no quota is used up.</param>
    public static Status Of(RequestProblem problem, TimeSpan? wait)
    {
        var later = problem.Kind is ErrorKind.Busy or ErrorKind.Unavailable or ErrorKind.Exhausted;
        var reason = OpenAiError.Of(problem).Code ?? (problem.Kind == ErrorKind.Invalid ? "invalid_argument" : null);
        return Of(problem.Kind.Status().Grpc, problem.Message, reason, problem.Parameter, later ? wait ?? s_soon : null);
    }

    /// <param name="reason">Null: the status's name.</param>
    /// <param name="field">That is at fault; null: none is.</param>
    /// <param name="wait">When the same call may succeed; null: nobody knows.</param>
    public static Status Of(StatusCode code, string message, string? reason = null, string? field = null, TimeSpan? wait = null)
    {
        reason ??= JsonNamingPolicy.SnakeCaseLower.ConvertName(code.ToString());
        var status = Whole(code, message, reason, field, wait);
        for (var most = message.Length / 2; Length(status) > MostBytes && most > 50; most /= 2)
            status = Whole(code, BtxException.OneLine(message, most), reason, field, wait);
        return status;
    }

    /// <summary>A field as a path in a request's message: the rules name it alone, and call the routing by what HTTP has in its
    /// place.</summary>
    /// <param name="request">Null: it is not known.</param>
    public static string? Path(RequestProblem problem, MessageDescriptor? request)
    {
        var field = problem.Parameter == "model" ? problem.RoutingOption ?? "model"
            : problem.Parameter == "logprobs" ? "top_logprobs" : problem.Parameter;
        if (field is null || request is null) return field;
        var first = field.Split('.', '[')[0];
        if (request.FindFieldByName(first) is not null) return field;
        var holder = request.Fields.InDeclarationOrder().FirstOrDefault(one =>
            one is { FieldType: FieldType.Message, IsRepeated: false } && one.MessageType.FindFieldByName(first) is not null);
        return holder is not null ? $"{holder.Name}.{field}"
            : field == "model" && request.FindFieldByName("routing") is not null ? "routing" : field;
    }

    private static Status Whole(StatusCode code, string message, string reason, string? field, TimeSpan? wait)
    {
        var status = new Status { Code = (int)code, Message = message };
        status.Details.Add(Any.Pack(new ErrorInfo { Reason = reason, Domain = Domain }));
        if (field is not null)
            status.Details.Add(Any.Pack(new BadRequest
            {
                FieldViolations = { new BadRequest.Types.FieldViolation { Field = field, Description = message } },
            }));
        if (wait is { } time) status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(time) }));
        return status;
    }

    private static int Length(Status status) => Uri.EscapeDataString(status.Message).Length + (status.CalculateSize() * 4 / 3);
}
