using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.LoadTests.Clients;

/// <summary><c>btx.v1.Inference</c>: a message a token.</summary>
/// <param name="key">Sent as <c>authorization: Bearer</c>; null: none.</param>
public sealed class GrpcClient(Uri address, string? key = null) : IServerClient
{
    private readonly Metadata? _headers = key is null ? null : new() { { "authorization", $"Bearer {key}" } };

    internal GrpcChannel Channel { get; } = GrpcChannel.ForAddress(address,
        new() { HttpHandler = Connection.Handler(), DisposeHttpClient = true, MaxReceiveMessageSize = null });

    internal Inference.InferenceClient Inference => field ??= new(Channel);

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
            throw await Connection.ProblemAsync(address, http: false, Failed(e, begun: false), e);
        }
    }

    public async Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        var message = new GenerateRequest
        {
            Prompt = new() { Text = request.Prompt },
            MaxTokens = request.MaxTokens,
            IgnoreEos = true,
            Sampling = new() { Temperature = request.Temperature, Seed = request.Seed },
            Routing = Routing(request.Routing),
        };
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
        if (choice.Router is { } router) routing.Router = Enum.Parse<ExpertRouter>(router, ignoreCase: true);
        return routing;
    }

    /// <summary>The server's words on one line, or the status where it has none.</summary>
    internal static string Reason(RpcException e) =>
        e.Status.Detail.Length > 0 ? e.Status.Detail.ReplaceLineEndings(" ") : $"{e.StatusCode}";

    private static Answer Failed(RpcException e, bool begun)
    {
        var status = Connection.BrokenBy(e.Status.DebugException, begun)
            ?? string.Concat(e.StatusCode.ToString().Select((c, i) => char.IsUpper(c) && i > 0 ? $"_{c}" : $"{c}")).ToLowerInvariant();
        return new(status, e.Status.Detail.ReplaceLineEndings(" "));
    }

    private static Dictionary<string, double>? ExpertTokens(Usage? usage)
    {
        var tokens = usage?.ExpertSteps.Select(s => (s.Key, Value: (double)s.Value))
            .Concat(usage.RoutedTokens.Select(t => (t.Key, Value: (double)t.Value))).Where(t => t.Value > 0).ToDictionary();
        return tokens?.Count > 0 ? tokens : null;
    }
}
