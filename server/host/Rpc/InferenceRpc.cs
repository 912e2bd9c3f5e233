using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace Btx.Server.Rpc;

/// <summary>Inference in terms of its messages: here (<see cref="InferenceRpc"/>) or elsewhere (<see cref="RemoteServer"/>).</summary>
internal interface IInference
{
    IAsyncEnumerable<V1.GenerateResponse> GenerateAsync(V1.GenerateRequest request, CancellationToken cancellation);

    Task<V1.ScoreResponse> ScoreAsync(V1.ScoreRequest request, CancellationToken cancellation);

    Task<V1.DescribeResponse> DescribeAsync(CancellationToken cancellation);
}

/// <summary>Inference over gRPC. Cancellation and deadline of a call end its request in the engine.</summary>
internal sealed class InferenceRpc(InferenceService service) : V1.Inference.InferenceBase, IInference
{
    [Needs(Scope.Generate)]
    public override async Task Generate(V1.GenerateRequest request, IServerStreamWriter<V1.GenerateResponse> responseStream,
        ServerCallContext context)
    {
        await foreach (var message in GenerateAsync(request, context.CancellationToken))
            await responseStream.WriteAsync(message, context.CancellationToken);
    }

    [Needs(Scope.Generate)]
    public override Task<V1.ScoreResponse> Score(V1.ScoreRequest request, ServerCallContext context) =>
        ScoreAsync(request, context.CancellationToken);

    [Needs(Scope.Generate | Scope.Observe)]
    public override Task<V1.DescribeResponse> Describe(V1.DescribeRequest request, ServerCallContext context) =>
        DescribeAsync(context.CancellationToken);

    public async IAsyncEnumerable<V1.GenerateResponse> GenerateAsync(V1.GenerateRequest request,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var forest = service.Forest;
        var asked = new GenerationRequest
        {
            Prompt = [],
            Routing = RoutingMessages.ToRouting(request.Routing, scores: false, forest),
            Sampling = RoutingMessages.ToSampling(request.Sampling),
            MaxTokens = request.HasMaxTokens ? request.MaxTokens : RequestLimits.DefaultMaxTokens,
            Stop = request.Stop,
            TopLogProbs = request.TopLogprobs,
            ReportExperts = request.IncludeExperts,
            IgnoreEndOfSequence = request.IgnoreEos,
            Grammar = RoutingMessages.ToGrammar(request.ResponseFormat),
        };
        asked = asked with { Prompt = service.Checked(ToPrompt(request.Prompt), asked) };
        service.Reserve([asked]);
        var events = service.Generate(asked, cancellation);
        await foreach (var e in events.WithCancellation(cancellation)) yield return ToMessage(e, e.Forest ?? forest);
    }

    public async Task<V1.ScoreResponse> ScoreAsync(V1.ScoreRequest request, CancellationToken cancellation)
    {
        var forest = service.Forest;
        var routing = RoutingMessages.ToRouting(request.Routing, scores: true, forest);
        var asked = new ScoreRequest([], routing, request.IncludeExperts) { TopLogProbs = request.TopLogprobs };
        int? stride = request.HasStride ? request.Stride : null;
        var score = await service.ScoreAsync(ToPrompt(request.Text), asked, stride, cancellation);
        forest = score.Result.Forest ?? forest;
        var response = new V1.ScoreResponse
        {
            Tokens = { score.Tokens },
            Logprobs = { score.Result.LogProbs },
            PredictedBytes = score.Tokens.Skip(1).Sum(id => (long)service.TokenBytes(id).Length),
            Windows = { score.Windows.Select(w => new V1.ScoreWindow { Start = w.Start, End = w.End, First = w.First }) },
            Routed = { (score.Result.Gates ?? []).Select(gates => ToMessage(gates, forest)) },
        };
        for (var i = 0; i < score.Result.Top.Count; i++)
        {
            var top = InferenceService.With(score.Result.Top[i], score.Tokens[i + 1], score.Result.LogProbs[i]);
            response.Top.Add(new V1.Alternatives { Entries = { top.Select(ToMessage) } });
        }

        for (var j = 0; j < score.Result.Posterior.Length; j++)
        {
            var expert = new V1.ExpertScore { Name = forest.Experts[j], Posterior = { score.Result.Posterior[j] } };
            if (score.Result.ExpertLogProbs[j] is { } logProbs) expert.Logprobs.AddRange(logProbs);
            response.Experts.Add(expert);
        }

        return response;
    }

    public Task<V1.DescribeResponse> DescribeAsync(CancellationToken cancellation)
    {
        var forest = service.Shown;
        return Task.FromResult(new V1.DescribeResponse
        {
            Experts = { forest.Experts.Zip(forest.Domains, (name, domain) => new V1.Expert { Name = name, Domain = domain }) },
            PriorDomains = { forest.PriorDomains },
            Averages = { forest.Averages },
            ContextLength = forest.ContextLength,
            VocabularySize = forest.VocabSize,
            Precision = forest.Precision,
            Device = forest.Device,
            ForestSha256 = forest.ForestSha256,
            Moe = forest.Moe is null ? null : ToMessage(forest.Moe),
        });
    }

    private static Prompt ToPrompt(V1.Prompt? message) => message?.KindCase switch
    {
        V1.Prompt.KindOneofCase.Text => new Prompt(message.Text),
        V1.Prompt.KindOneofCase.Tokens => new Prompt(null, [.. message.Tokens.Ids]),
        _ => default,
    };

    private V1.Alternative ToMessage(TokenAlternative alternative) => new()
    {
        TokenId = alternative.Token,
        Text = service.TokenName(alternative.Token),
        Bytes = ByteString.CopyFrom(service.TokenBytes(alternative.Token)),
        Logprob = alternative.LogProb,
    };

    private V1.GenerateResponse ToMessage(TokenEvent e, ForestDescription forest)
    {
        var message = new V1.GenerateResponse { Text = e.Text };
        if (e.Token is { } token)
        {
            message.TokenId = token;
            message.Logprob = e.LogProb;
            message.TokenBytes = ByteString.CopyFrom(service.TokenBytes(token));
            if (e.Top.Count > 0) message.Top.AddRange(InferenceService.With(e.Top, token, e.LogProb).Select(ToMessage));
        }

        for (var j = 0; e.Posterior is not null && j < e.Posterior.Length; j++)
        {
            if (e.Posterior[j] == 0) continue;
            var contribution = e.Contribution?[j] ?? 0;
            message.Experts.Add(new V1.ExpertShare { Name = forest.Experts[j], Posterior = e.Posterior[j], Contribution = contribution });
        }

        if (e.Gates is not null) message.Routed = ToMessage(e.Gates, forest);
        if (e.Finish != FinishReason.None && Enum.TryParse<V1.FinishReason>(e.Finish.ToString(), out var finish))
            message.FinishReason = finish;
        message.FinishMessage = e.Message ?? "";
        if (e.Usage is { } usage) message.Usage = ToMessage(usage, forest);
        return message;
    }

    private static V1.Usage ToMessage(Usage usage, ForestDescription forest) => new()
    {
        PromptTokens = usage.PromptTokens,
        CompletionTokens = usage.CompletionTokens,
        SecondsToFirstToken = usage.TimeToFirstToken.TotalSeconds,
        Seconds = usage.Total.TotalSeconds,
        ExpertSteps = { forest.Experts.Zip(usage.ExpertSteps).ToDictionary(e => e.First, e => e.Second) },
        RoutedTokens = { (forest.Moe?.Experts ?? []).Zip(usage.RoutedTokens).ToDictionary(e => e.First, e => e.Second) },
    };

    private static V1.TokenRouting ToMessage(RouterGates gates, ForestDescription forest) => new()
    {
        Gates = { gates.Values },
        Domains = { gates.ByDomain(forest.Moe!).Zip(forest.Moe!.DomainNames,
            (share, domain) => new V1.DomainShare { Domain = domain, Share = share }) },
    };

    private static V1.MoeModel ToMessage(MoeDescription moe) => new()
    {
        Experts = { moe.Experts.Zip(moe.Domains, (name, domain) => new V1.Expert { Name = name, Domain = domain }) },
        ExpertsPerToken = moe.ExpertsPerToken,
        Choices = { moe.Choices },
        Layers = moe.Layers,
        Router = moe.Router,
        SoftLayers = { moe.SoftLayers },
        Precision = moe.Precision,
        Sha256 = moe.Sha256,
    };
}
