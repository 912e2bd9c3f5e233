using System.Numerics;
using Btx.Server.Http.Chat;
using Google.Protobuf;

namespace Btx.Server.Rpc;

/// <summary>Tokens and what comes with them as they are on the wire.</summary>
internal sealed class TokenMessages(InferenceService service)
{
    public V1.Alternative Of(TokenAlternative alternative) => new()
    {
        TokenId = alternative.Token,
        Text = service.TokenName(alternative.Token),
        Bytes = ByteString.CopyFrom(service.TokenBytes(alternative.Token)),
        Logprob = alternative.LogProb,
    };

    public V1.GenerateResponse Of(TokenEvent e, ForestDescription forest)
    {
        var message = new V1.GenerateResponse { Text = e.Text };
        if (e.Token is { } token)
        {
            message.TokenId = token;
            message.Logprob = e.LogProb;
            message.TokenBytes = ByteString.CopyFrom(service.TokenBytes(token));
            if (e.Top.Count > 0) message.Top.AddRange(InferenceService.With(e.Top, token, e.LogProb).Select(Of));
        }

        message.Experts.AddRange(Shares(e, forest));
        if (e.Gates is not null) message.Routed = Of(e.Gates, forest);
        message.FinishReason = Of(e.Finish);
        message.FinishMessage = e.Message ?? "";
        if (e.Usage is { } usage) message.Usage = Of(usage, forest);
        return message;
    }

    /// <summary>What an event adds to a chat's answer; nothing, where its text is held back and it has no token.</summary>
    /// <param name="calls">Of this answer.</param>
    public IEnumerable<V1.ChatResponse> OfChat(TokenEvent e, ForestDescription forest, CallReader calls)
    {
        var (finish, made) = (Of(e.Finish), (IReadOnlyList<ToolCall>)[]);
        var message = new V1.ChatResponse { Text = calls.Push(e.Text), Token = Token(e, forest) };
        if (finish != V1.FinishReason.Unspecified)
        {
            (var rest, made) = calls.Finish();
            message.Text += rest;
        }

        if (message.Text.Length > 0 || message.Token is not null) yield return message;
        foreach (var (i, call) in made.Index())
        {
            yield return new() { ToolCalls = { new V1.ToolCallPart { Index = i, Id = call.Id, Name = call.Name } } };
            yield return new() { ToolCalls = { new V1.ToolCallPart { Index = i, Arguments = call.Arguments } } };
        }

        if (finish == V1.FinishReason.Unspecified) yield break;
        yield return new()
        {
            FinishReason = made.Count > 0 ? V1.FinishReason.ToolCalls : finish,
            FinishMessage = e.Message ?? "",
            Usage = e.Usage is { } usage ? Of(usage, forest) : null,
        };
    }

    private V1.Token? Token(TokenEvent e, ForestDescription forest) => e.Token is not { } token ? null : new()
    {
        Id = token,
        Logprob = e.LogProb,
        Bytes = ByteString.CopyFrom(service.TokenBytes(token)),
        Top = { e.Top.Count == 0 ? [] : InferenceService.With(e.Top, token, e.LogProb).Select(Of) },
        Experts = { Shares(e, forest) },
        Routed = e.Gates is null ? null : Of(e.Gates, forest),
    };

    private static V1.FinishReason Of(FinishReason finish) =>
        finish != FinishReason.None && Enum.TryParse<V1.FinishReason>(finish.ToString(), out var named) ? named
            : V1.FinishReason.Unspecified;

    private static IEnumerable<V1.ExpertShare> Shares(TokenEvent e, ForestDescription forest)
    {
        for (var j = 0; e.Posterior is not null && j < e.Posterior.Length; j++)
            if (e.Posterior[j] != 0)
                yield return new() { Name = forest.Experts[j], Posterior = e.Posterior[j], Contribution = e.Contribution?[j] ?? 0 };
    }

    private static V1.Usage Of(Usage usage, ForestDescription forest) => new()
    {
        PromptTokens = usage.PromptTokens,
        CompletionTokens = usage.CompletionTokens,
        SecondsToFirstToken = usage.TimeToFirstToken.TotalSeconds,
        Seconds = usage.Total.TotalSeconds,
        ExpertSteps = { Ran(forest.Experts, usage.ExpertSteps) },
        RoutedTokens = { Ran(forest.Moe?.Experts ?? [], usage.RoutedTokens) },
    };

    // Experts without work are not named: the caller may be bound to others.
    private static Dictionary<string, T> Ran<T>(IReadOnlyList<string> experts, IReadOnlyList<T> work) where T : struct, INumber<T> =>
        experts.Zip(work).Where(one => one.Second > T.Zero).ToDictionary(one => one.First, one => one.Second);

    public static V1.TokenRouting Of(RouterGates gates, ForestDescription forest) => new()
    {
        Gates = { gates.Values },
        Domains = { gates.ByDomain(forest.Moe!).Zip(forest.Moe!.DomainNames,
            (share, domain) => new V1.DomainShare { Domain = domain, Share = share }) },
    };

    public static V1.MoeModel Of(MoeDescription moe) => new()
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
