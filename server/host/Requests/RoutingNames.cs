using Btx.Model;
using Btx.Model.Mixing;

namespace Btx.Server.Requests;

/// <summary>The names of routing values, as flags, model ids and metrics spell them.</summary>
internal static class RoutingNames
{
    public static readonly IReadOnlyDictionary<string, RoutingMode> Modes = new Dictionary<string, RoutingMode>(StringComparer.Ordinal)
    {
        ["ensemble"] = RoutingMode.Ensemble,
        ["top_k"] = RoutingMode.TopK,
        ["top_p"] = RoutingMode.TopP,
        ["average"] = RoutingMode.Average,
        ["expert"] = RoutingMode.Expert,
        ["moe"] = RoutingMode.Moe,
    };

    public static readonly IReadOnlyDictionary<string, PosteriorKind> Posteriors =
        new Dictionary<string, PosteriorKind>(StringComparer.Ordinal)
        {
            ["full_prefix"] = PosteriorKind.FullPrefix,
            ["last_token"] = PosteriorKind.LastToken,
            ["fixed"] = PosteriorKind.Fixed,
            ["switching"] = PosteriorKind.Switching,
        };

    public static readonly IReadOnlyDictionary<string, SelectForm> Selections = new Dictionary<string, SelectForm>(StringComparer.Ordinal)
    {
        ["prompt"] = SelectForm.Prompt,
        ["per_token"] = SelectForm.PerToken,
    };

    public static readonly IReadOnlyDictionary<string, AverageWeights> Averages =
        new Dictionary<string, AverageWeights>(StringComparer.Ordinal)
        {
            ["uniform"] = AverageWeights.Uniform,
            ["argmax"] = AverageWeights.Argmax,
            ["posterior"] = AverageWeights.Posterior,
        };

    /// <summary>The name of a mode.</summary>
    public static string Of(RoutingMode mode) => Of(Modes, mode);

    /// <summary>The name of a value.</summary>
    public static string Of<T>(IReadOnlyDictionary<string, T> names, T value) => names.First(pair => Equals(pair.Value, value)).Key;

    /// <summary>The wire's value of the same name; the two enums have the same members, the wire's has "unspecified" besides.</summary>
    public static TWire Wire<T, TWire>(T value)
        where T : struct, Enum
        where TWire : struct, Enum =>
        Enum.Parse<TWire>(value.ToString());

    /// <summary>The value of that name; the fault lists what there is.</summary>
    /// <exception cref="InvalidRequestException">There is none.</exception>
    public static T Named<T>(this IReadOnlyDictionary<string, T> names, string parameter, string what, string name) =>
        names.TryGetValue(name, out var value) ? value
            : throw InvalidRequestException.For(
            parameter, $"unknown {what} \"{BtxException.OneLine(name, 100)}\"; use {string.Join(", ", names.Keys)}");
}
