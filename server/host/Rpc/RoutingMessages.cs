using Btx.Engine;
using Btx.Model.Mixing;
using Btx.Server.Requests;
using V1 = Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>Routing and sampling as they are on the wire, translated.</summary>
internal static class RoutingMessages
{
    /// <param name="message">Null: an ensemble.</param>
    /// <param name="defaultSelect">What an absent <c>select</c> means: prompt when generating, per token when scoring.</param>
    /// <param name="mixture">The BTX model that is served, whose k an absent <c>k</c> means in mode moe; null: none.</param>
    /// <exception cref="InvalidRequestException">An enum value that this version does not know, or an option that mode moe does not have.</exception>
    public static Routing ToRouting(V1.Routing? message, SelectForm defaultSelect, MixtureDescription? mixture)
    {
        var defaults = new Routing { Select = defaultSelect };
        if (message is null) return defaults;
        if (message.Mode == V1.Mode.Moe)
        {
            if (Foreign(message) is { } option) throw InvalidRequestException.For(option, $"{option} does not apply to mode moe: the model's own router chooses; leave it out");
            return defaults with { Mode = RoutingMode.Moe, K = message.HasK ? message.K : mixture?.ExpertsPerToken ?? defaults.K };
        }

        return new()
        {
            Mode = message.Mode switch
            {
                V1.Mode.Unspecified or V1.Mode.Ensemble => RoutingMode.Ensemble,
                V1.Mode.TopK => RoutingMode.TopK,
                V1.Mode.TopP => RoutingMode.TopP,
                V1.Mode.Average => RoutingMode.Average,
                V1.Mode.Expert => RoutingMode.Expert,
                _ => throw Unknown("mode", message.Mode),
            },
            K = message.HasK ? message.K : defaults.K,
            P = message.HasP ? message.P : defaults.P,
            Posterior = message.Posterior switch
            {
                V1.PosteriorKind.Unspecified or V1.PosteriorKind.FullPrefix => PosteriorKind.FullPrefix,
                V1.PosteriorKind.LastToken => PosteriorKind.LastToken,
                V1.PosteriorKind.Fixed => PosteriorKind.Fixed,
                V1.PosteriorKind.Switching => PosteriorKind.Switching,
                _ => throw Unknown("posterior", message.Posterior),
            },
            SwitchingRate = message.HasSwitchingRate ? message.SwitchingRate : defaults.SwitchingRate,
            PriorDomain = NullIfEmpty(message.PriorDomain),
            Expert = NullIfEmpty(message.Expert),
            Average = message.Average switch
            {
                V1.AverageKind.Unspecified or V1.AverageKind.Uniform => AverageWeights.Uniform,
                V1.AverageKind.Argmax => AverageWeights.Argmax,
                V1.AverageKind.Posterior => AverageWeights.Posterior,
                _ => throw Unknown("average", message.Average),
            },
            AverageDomain = NullIfEmpty(message.AverageDomain),
            AverageName = NullIfEmpty(message.AverageName),
            Select = message.Select switch
            {
                V1.Selection.Unspecified => defaultSelect,
                V1.Selection.Prompt => SelectForm.Prompt,
                V1.Selection.PerToken => SelectForm.PerToken,
                _ => throw Unknown("select", message.Select),
            },
            SelectTokens = message.HasSelectTokens ? message.SelectTokens : defaults.SelectTokens,
            RerouteInterval = message.RerouteInterval,
        };
    }

    public static Engine.Requests.SamplingOptions ToSampling(V1.Sampling? message)
    {
        var defaults = new Engine.Requests.SamplingOptions();
        if (message is null) return defaults;
        return new()
        {
            Temperature = message.HasTemperature ? message.Temperature : defaults.Temperature,
            TopP = message.HasTopP ? message.TopP : defaults.TopP,
            TopK = message.HasTopK ? message.TopK : defaults.TopK,
            MinP = message.HasMinP ? message.MinP : defaults.MinP,
            RepetitionPenalty = message.HasRepetitionPenalty ? message.RepetitionPenalty : defaults.RepetitionPenalty,
            Seed = message.HasSeed ? message.Seed : null,
        };
    }

    /// <summary>The first option given that only a forest's modes read.</summary>
    private static string? Foreign(V1.Routing message) => message switch
    {
        { Posterior: not V1.PosteriorKind.Unspecified } => "posterior",
        { PriorDomain.Length: > 0 } => "prior_domain",
        { Select: not V1.Selection.Unspecified } => "select",
        { HasSelectTokens: true } => "select_tokens",
        { RerouteInterval: not 0 } => "reroute_interval",
        { HasSwitchingRate: true } => "switching_rate",
        { HasP: true } => "p",
        { Expert.Length: > 0 } => "expert",
        { Average: not V1.AverageKind.Unspecified } => "average",
        { AverageDomain.Length: > 0 } => "average_domain",
        { AverageName.Length: > 0 } => "average_name",
        _ => null,
    };

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static InvalidRequestException Unknown<T>(string parameter, T value)
        where T : struct, Enum =>
        InvalidRequestException.For(parameter, $"unknown {parameter} {value}; this server knows {string.Join(", ", Enum.GetNames<T>().Skip(1))}");
}
