using Microsoft.Extensions.AI;
using ChatResponse = Btx.V1.ChatResponse;

namespace Btx.Client;

/// <summary>What a forest adds to the chats of Microsoft.Extensions.AI: how a request is routed, and what its experts did.</summary>
public static class ChatRouting
{
    internal const string RoutingProperty = "btx.routing", SamplingProperty = "btx.sampling";

    /// <summary>Chooses which experts answer.</summary>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithRouting(this ChatOptions options, Routing routing)
    {
        (options.AdditionalProperties ??= [])[RoutingProperty] = routing;
        return options;
    }

    /// <summary>Chooses what <see cref="ChatOptions"/> has no word for: min_p, penalties of repetition, token biases. Where both say
    /// something, <see cref="ChatOptions"/> counts.</summary>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithSampling(this ChatOptions options, Sampling sampling)
    {
        (options.AdditionalProperties ??= [])[SamplingProperty] = sampling;
        return options;
    }

    /// <summary>The token that an update came with, with the posterior and the contribution of each active expert (mode moe: how the router
    /// sent it); null: it came with none.</summary>
    public static Token? GetToken(this ChatResponseUpdate update) => (update.RawRepresentation as ChatResponse)?.Token;

    /// <summary>The experts of an update's token; empty: it has none.</summary>
    public static IReadOnlyList<ExpertShare> GetExperts(this ChatResponseUpdate update) => update.GetToken()?.Experts ?? [];

    /// <summary>The tokens of a whole answer, in their order.</summary>
    public static IReadOnlyList<Token> GetTokens(this Microsoft.Extensions.AI.ChatResponse response) =>
        [.. (response.RawRepresentation as IReadOnlyList<ChatResponse> ?? []).Select(part => part.Token).OfType<Token>()];
}
