using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.LoadTests.Doors;

/// <summary><c>btx.v1.Inference</c>: a message a token.</summary>
public sealed class GrpcDoor : IDoor
{
    private readonly Uri _address;
    private readonly GrpcChannel _channel;
    private readonly Inference.InferenceClient _client;
    private readonly Metadata? _headers;

    /// <param name="key">Sent as <c>authorization: Bearer</c>; null: none.</param>
    public GrpcDoor(Uri address, string? key = null)
    {
        _address = address;
        _channel = GrpcChannel.ForAddress(address,
            new() { HttpHandler = DoorConnections.Create(), DisposeHttpClient = true, MaxReceiveMessageSize = null });
        _client = new(_channel);
        _headers = key is null ? null : new() { { "authorization", $"Bearer {key}" } };
    }

    public string Name => "grpc";

    public async Task<ServedModel> DescribeAsync(CancellationToken cancellation)
    {
        try
        {
            var served = await _client.DescribeAsync(new(), _headers, DateTime.UtcNow.AddSeconds(30), cancellation).ConfigureAwait(false);
            return new([.. served.Experts.Select(e => new ServedModel.Expert(e.Name, e.Domain))], served.Moe?.Experts.Count,
                served.ContextLength, served.Precision);
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw await DoorFault.OfAsync(_address, http: false, Failed(e, begun: false), e).ConfigureAwait(false);
        }
    }

    public async Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        try
        {
            using var call = _client.Generate(Message(request), _headers, cancellationToken: cancellation);
            var stream = call.ResponseStream;
            Usage? usage = null;
            string? finish = null, message = null;
            while (await stream.MoveNext(cancellation).ConfigureAwait(false))
            {
                var response = stream.Current;
                if (response.HasTokenId) arrivals.Token();
                if (response.FinishReason == FinishReason.Unspecified) continue;
                (finish, message, usage) = (response.FinishReason.ToString().ToLowerInvariant(), response.FinishMessage, response.Usage);
            }

            if (finish is null) return new(DoorAnswer.CutOff) { Error = "the stream ended without a finish reason" };
            return DoorAnswer.Ended(finish, message) with
            {
                PromptTokens = usage?.PromptTokens ?? 0,
                CompletionTokens = usage?.CompletionTokens,
                ExpertTokens = ExpertTokens(usage)
            };
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            return Failed(e, arrivals.Count > 0);
        }
    }

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return default;
    }

    internal static DoorAnswer Failed(RpcException e, bool begun)
    {
        var status = DoorConnections.BrokenBy(e.Status.DebugException, begun)
            ?? string.Concat(e.StatusCode.ToString().Select((c, i) => char.IsUpper(c) && i > 0 ? $"_{c}" : $"{c}")).ToLowerInvariant();
        return new(status) { Error = e.Status.Detail.ReplaceLineEndings(" ") };
    }

    private static GenerateRequest Message(DoorRequest request)
    {
        var routing = request.Routing;
        var message = new GenerateRequest
        {
            Prompt = request.PromptIds is null ? new() { Text = request.Prompt } : new() { Tokens = new() { Ids = { request.PromptIds } } },
            MaxTokens = request.MaxTokens,
            IgnoreEos = request.IgnoreEos,
            Sampling = new() { Temperature = request.Temperature },
            Routing = new()
            {
                Mode = routing.Mode switch
                {
                    "top_k" => Mode.TopK,
                    "top_p" => Mode.TopP,
                    "average" => Mode.Average,
                    "expert" => Mode.Expert,
                    "moe" => Mode.Moe,
                    _ => Mode.Ensemble
                },
                Expert = routing.Expert ?? "",
                AverageName = routing.Average ?? "",
            },
        };
        if (request.Seed is { } seed) message.Sampling.Seed = seed;
        if (routing.K is { } k) message.Routing.K = k;
        if (routing.P is { } p) message.Routing.P = p;
        return message;
    }

    private static Dictionary<string, double>? ExpertTokens(Usage? usage)
    {
        if (usage is null) return null;
        var tokens = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, count) in usage.ExpertSteps) if (count > 0) tokens[name] = count;
        foreach (var (name, count) in usage.RoutedTokens) if (count > 0) tokens[name] = count;
        return tokens.Count == 0 ? null : tokens;
    }
}
