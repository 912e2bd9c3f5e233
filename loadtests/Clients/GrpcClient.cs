using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.LoadTests.Clients;

/// <summary><c>btx.v1.Inference</c>: a message a token.</summary>
public sealed class GrpcClient : IServerClient
{
    private readonly Uri _address;
    private readonly Metadata? _headers;

    /// <param name="key">Sent as <c>authorization: Bearer</c>; null: none.</param>
    public GrpcClient(Uri address, string? key = null)
    {
        _address = address;
        Channel = GrpcChannel.ForAddress(address,
            new() { HttpHandler = Connection.Handler(), DisposeHttpClient = true, MaxReceiveMessageSize = null });
        Inference = new(Channel);
        _headers = key is null ? null : new() { { "authorization", $"Bearer {key}" } };
    }

    internal GrpcChannel Channel { get; }

    internal Inference.InferenceClient Inference { get; }

    public async Task<ServedFacts> DescribeAsync(CancellationToken cancellation)
    {
        try
        {
            var served = await Inference.DescribeAsync(new(), _headers, DateTime.UtcNow.AddSeconds(30), cancellation);
            static string Short(string hash) => hash.Length > 12 ? hash[..12] : hash;
            var (names, moe) = (served.Experts.Select(e => e.Name).ToArray(), served.Moe);
            var forest = names.Length == 0 ? "none" : $"{Short(served.ForestSha256)} of {string.Join(' ', names)}";
            return new(names, [.. served.Experts.Select(e => e.Domain)], [.. moe?.Experts.Select(e => e.Name) ?? []],
                [.. moe?.Choices ?? []], moe?.ExpertsPerToken ?? 0, served.ContextLength,
                names.Length > 0 ? served.Precision : moe?.Precision ?? served.Precision,
                $"forest {forest}, btx {(moe is null ? "none" : Short(moe.Sha256))}");
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw await Connection.ProblemAsync(_address, http: false, Failed(e, begun: false), e);
        }
    }

    public async Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        var message = new GenerateRequest
        {
            Prompt = new() { Text = request.Prompt },
            MaxTokens = request.MaxTokens,
            IgnoreEos = true,
            Sampling = new() { Temperature = request.Temperature },
            Routing = Routing(request.Routing),
        };
        if (request.Seed is { } seed) message.Sampling.Seed = seed;
        try
        {
            using var call = Inference.Generate(message, _headers, cancellationToken: cancellation);
            GenerateResponse? last = null;
            while (await call.ResponseStream.MoveNext(cancellation))
            {
                var response = call.ResponseStream.Current;
                if (response.HasTokenId) arrivals.Token();
                if (response.FinishReason != FinishReason.Unspecified) last = response;
            }

            if (last is null) return new(Answer.CutOff, "the stream ended without a finish reason");
            var usage = last.Usage;
            var answer = Answer.Ended(last.FinishReason.ToString().ToLowerInvariant(), last.FinishMessage, usage?.PromptTokens ?? 0,
                usage?.CompletionTokens);
            return answer with { ExpertTokens = ExpertTokens(usage) };
        }
        catch (RpcException e)
        {
            cancellation.ThrowIfCancellationRequested();
            return Failed(e, arrivals.Count > 0);
        }
    }

    public ValueTask DisposeAsync()
    {
        Channel.Dispose();
        return default;
    }

    internal static Routing Routing(RoutingChoice choice)
    {
        var routing = new Routing
        {
            Mode = Enum.Parse<Mode>(choice.Mode.Replace("_", ""), ignoreCase: true),
            Expert = choice.Expert ?? "",
            AverageName = choice.Average ?? "",
        };
        if (choice.K is { } k) routing.K = k;
        if (choice.P is { } p) routing.P = p;
        return routing;
    }

    private static Answer Failed(RpcException e, bool begun)
    {
        var status = Connection.BrokenBy(e.Status.DebugException, begun)
            ?? string.Concat(e.StatusCode.ToString().Select((c, i) => char.IsUpper(c) && i > 0 ? $"_{c}" : $"{c}")).ToLowerInvariant();
        return new(status, e.Status.Detail.ReplaceLineEndings(" "));
    }

    private static Dictionary<string, double>? ExpertTokens(Usage? usage)
    {
        if (usage is null) return null;
        var tokens = new Dictionary<string, double>();
        foreach (var (name, count) in usage.ExpertSteps) if (count > 0) tokens[name] = count;
        foreach (var (name, count) in usage.RoutedTokens) if (count > 0) tokens[name] = count;
        return tokens.Count == 0 ? null : tokens;
    }
}
