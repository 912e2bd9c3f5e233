using Btx.Engine;
using Btx.Model.Mixing;
using Btx.Server.Requests;
using V1 = Btx.V1;

namespace Btx.Server.Rpc;

/// <summary>
/// Routing and sampling as they are on the wire, translated. An option that would change nothing is refused: its sender expects something
/// of it.
/// </summary>
internal static class RoutingMessages
{
    /// <param name="message">Null: an ensemble.</param>
    /// <param name="scores">Of a score: an absent <c>select</c> means per token; of a generation it means prompt.</param>
    /// <param name="forest">What is served: it says what an absent <c>k</c> means.</param>
    /// <exception cref="InvalidRequestException">An enum value that this version does not know, or an option that changes nothing beside
    /// the others.</exception>
    public static Routing ToRouting(V1.Routing? message, bool scores, ForestDescription forest)
    {
        var defaults = new Routing { Select = scores ? SelectForm.PerToken : SelectForm.Prompt };
        if (message is null) return defaults;
        var mode = message.Mode switch
        {
            V1.Mode.Unspecified or V1.Mode.Ensemble => RoutingMode.Ensemble,
            V1.Mode.TopK => RoutingMode.TopK,
            V1.Mode.TopP => RoutingMode.TopP,
            V1.Mode.Average => RoutingMode.Average,
            V1.Mode.Expert => RoutingMode.Expert,
            V1.Mode.Moe => RoutingMode.Moe,
            _ => throw Unknown("mode", message.Mode),
        };
        if (RoutingOptions.Idle(message, mode, scores) is { } problem) throw new InvalidRequestException(problem);
        return new()
        {
            Mode = mode,
            K = message.HasK ? message.K
                : mode == RoutingMode.Moe ? forest.Moe?.ExpertsPerToken ?? 1 : Math.Clamp(forest.Experts.Count, 1, defaults.K),
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
                V1.Selection.Unspecified => defaults.Select,
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

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static InvalidRequestException Unknown<T>(string parameter, T value)
        where T : struct, Enum =>
        InvalidRequestException.For(
        parameter, $"unknown {parameter} {value}; this server knows {string.Join(", ", Enum.GetNames<T>().Skip(1))}");
}
