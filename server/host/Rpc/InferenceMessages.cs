using System.Runtime.CompilerServices;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Server.Requests;
using Google.Protobuf;
using V1 = Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>Answers the wire's messages with <see cref="InferenceService"/>.</summary>
internal sealed class InferenceMessages(InferenceService service) : IInference
{
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
        };
        var generation = service.Generate(asked with { Prompt = service.Checked(ToPrompt(request.Prompt), asked) }, cancellation);
        await foreach (var e in generation.ReadAsync(cancellation).ConfigureAwait(false)) yield return ToMessage(e, e.Forest ?? forest);
    }

    public async Task<V1.ScoreResponse> ScoreAsync(V1.ScoreRequest request, CancellationToken cancellation)
    {
        var forest = service.Forest;
        var routing = RoutingMessages.ToRouting(request.Routing, scores: true, forest);
        var asked = new ScoreRequest([], routing, request.IncludeExperts) { TopLogProbs = request.TopLogprobs };
        int? stride = request.HasStride ? request.Stride : null;
        var score = await service.ScoreAsync(ToPrompt(request.Text), asked, stride, cancellation).ConfigureAwait(false);
        forest = score.Result.Forest ?? forest;
        var response = new V1.ScoreResponse
        {
            Tokens = { score.Tokens },
            Logprobs = { score.Result.LogProbs },
            PredictedBytes = service.PredictedBytes(score)
        };
        foreach (var window in score.Windows)
            response.Windows.Add(new V1.ScoreWindow { Start = window.Start, End = window.End, First = window.First });
        for (var i = 0; i < score.Result.Top.Count; i++)
        {
            var top = InferenceService.With(score.Result.Top[i], score.Tokens[i + 1], score.Result.LogProbs[i]);
            response.Top.Add(new V1.Alternatives { Entries = { top.Select(ToMessage) } });
        }

        foreach (var gates in score.Result.Gates ?? []) response.Routed.Add(ToMessage(gates, forest));
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
        var forest = service.Forest;
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
        V1.Prompt.KindOneofCase.Text => Prompt.FromText(message.Text),
        V1.Prompt.KindOneofCase.Tokens => Prompt.FromTokens([.. message.Tokens.Ids]),
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
            message.Experts.Add(new V1.ExpertShare
            {
                Name = forest.Experts[j],
                Posterior = e.Posterior[j],
                Contribution = e.Contribution?[j] ?? 0
            });
        }

        if (e.Gates is not null) message.Routed = ToMessage(e.Gates, forest);
        message.FinishReason = e.Finish switch
        {
            FinishReason.Stop => V1.FinishReason.Stop,
            FinishReason.Length => V1.FinishReason.Length,
            FinishReason.Removed => V1.FinishReason.Removed,
            FinishReason.Aborted => V1.FinishReason.Aborted,
            _ => V1.FinishReason.Unspecified,
        };
        message.FinishMessage = e.Message ?? "";
        if (e.Usage is { } usage) message.Usage = ToMessage(usage, forest);
        return message;
    }

    private static V1.Usage ToMessage(Usage usage, ForestDescription forest)
    {
        var message = new V1.Usage
        {
            PromptTokens = usage.PromptTokens,
            CompletionTokens = usage.CompletionTokens,
            SecondsToFirstToken = usage.TimeToFirstToken.TotalSeconds,
            Seconds = usage.Total.TotalSeconds,
        };
        for (var j = 0; j < usage.ExpertSteps.Length; j++) message.ExpertSteps[forest.Experts[j]] = usage.ExpertSteps[j];
        for (var e = 0; e < usage.RoutedTokens.Length; e++) message.RoutedTokens[forest.Moe!.Experts[e]] = usage.RoutedTokens[e];
        return message;
    }

    private static V1.TokenRouting ToMessage(RouterGates gates, ForestDescription forest) => new()
    {
        Gates = { gates.Values },
        Domains = { gates.ByDomain(forest.Moe!).Zip(forest.Moe!.DomainNames, (
            share, domain) => new V1.DomainShare { Domain = domain, Share = share }) },
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
