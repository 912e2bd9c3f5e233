using System.Globalization;
using System.Numerics;

namespace Btx.Trainer.Evaluation;

/// <summary>One row of an evaluation: a model, or a way to mix the forest's experts.</summary>
/// <param name="Key">Name in tables and JSON: <c>seed</c>, a compared model's, <c>expert:NAME</c>, <c>ensemble</c>, <c>top_2</c>, …</param>
/// <param name="Routing">For what the forest or the BTX model does; null for <c>seed</c>, <c>dense</c> and compared models.</param>
public sealed record EvaluationMode(string Key, Routing? Routing)
{
    public const string Seed = "seed";
    public const string Dense = "dense";
    public const string Moe = "moe";

    /// <summary>Name of the model of its own that answers, which reads the text itself; null: the row follows from the experts'
    /// log-probabilities.</summary>
    public string? Model => Routing is null ? Key : Routing.Mode == RoutingMode.Moe ? Moe : null;
}

/// <summary>Reads <c>--modes</c>.</summary>
public static class EvaluationModes
{
    public const string Known =
        "seed, dense, models, the name of a --model, moe, moe:k=K, experts, expert:NAME, ensemble, ensemble:last_token, ensemble:fixed, "
        + "ensemble:switching, top_1 to top_E, top_K:probe=N, top_p=P, average:uniform, average:posterior, average:argmax";
    private const string MoeOfK = "moe:k=";
    private const int EveryTopUpTo = 8;

    /// <summary>What is measured when nothing is chosen: all there is, models beside the forest first.</summary>
    public static IReadOnlyList<string> Default(int experts, IReadOnlyList<string> models) =>
    [
        .. models, "experts", "ensemble", "ensemble:last_token", "ensemble:fixed", "ensemble:switching",
        .. Enumerable.Range(1, experts).Where(k => experts <= EveryTopUpTo || BitOperations.IsPow2(k) || k == experts)
            .Select(k => $"top_{k}"),
        "top_p=0.9", "average:uniform", "average:posterior", "average:argmax",
    ];

    /// <param name="texts">As on the command line; a name given twice counts once.</param>
    /// <param name="moe">N and k of the BTX model, if that is one of the models.</param>
    /// <exception cref="BtxException">Unknown mode, k out of range, p out of range, or a model that was not given.</exception>
    public static IReadOnlyList<EvaluationMode> Parse(IEnumerable<string> texts, IReadOnlyList<string> experts,
        IReadOnlyList<string> models, SelectForm select, (int Experts, int PerToken) moe = default)
    {
        EvaluationMode[] modes = [.. texts.SelectMany(Of).DistinctBy(m => m.Key)];
        return modes.Length > 0 ? modes : throw new BtxException($"--modes is empty; choose among {Known}");

        IEnumerable<EvaluationMode> Of(string text)
        {
            if (text == "experts") return experts.Select(e => new EvaluationMode($"expert:{e}", Expert(e)));
            if (text == EvaluationMode.Moe || After(text, MoeOfK) is not null) return [MoeOf(text, moe)];
            if (models.Contains(text)) return [new(text, null)];
            if (text == EvaluationMode.Seed) throw new BtxException("--modes seed: name the seed's directory with --seed-model DIR");
            if (text == EvaluationMode.Dense) throw new BtxException("--modes dense: name the baseline's directory with --dense DIR");
            if (text != "models") return [Forest(text, experts, select)];
            EvaluationMode[] named = [.. models.Where(m => !IsReserved(m)).Select(m => new EvaluationMode(m, null))];
            return named.Length > 0 ? named : throw new BtxException("--modes models: name at least one with --model NAME=DIR");
        }
    }

    /// <summary>Whether a mode has this name, or may have.</summary>
    public static bool IsReserved(string name) =>
        name is EvaluationMode.Seed or EvaluationMode.Dense or EvaluationMode.Moe or "models" or "experts" or "ensemble" or "average"
        or "forest" || name.StartsWith("top_", StringComparison.Ordinal);

    private static EvaluationMode MoeOf(string text, (int Experts, int PerToken) moe)
    {
        if (moe.Experts == 0) throw new BtxException($"--modes {text}: name the BTX model's directory with --btx DIR");
        var k = text == EvaluationMode.Moe ? moe.PerToken : Integer(After(text, MoeOfK)) ?? throw Unknown(text);
        var routing = new Routing { Mode = RoutingMode.Moe, K = k };
        return RoutingRules.Problem(routing, [], [], moe.Experts) is { } problem ? throw new BtxException($"--modes {text}: {problem}")
            : new(text, routing);
    }

    private static EvaluationMode Forest(string text, IReadOnlyList<string> experts, SelectForm select)
    {
        var routing = text switch
        {
            "ensemble" or "ensemble:full_prefix" => new Routing(),
            "ensemble:last_token" => new Routing { Posterior = PosteriorKind.LastToken },
            "ensemble:fixed" => new Routing { Posterior = PosteriorKind.Fixed },
            "ensemble:switching" => new Routing { Posterior = PosteriorKind.Switching },
            "average" or "average:uniform" => new Routing { Mode = RoutingMode.Average },
            "average:posterior" => new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior },
            "average:argmax" => new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Argmax },
            _ when After(text, "expert:") is { } name => Expert(name),
            _ when double.TryParse(After(text, "top_p="), NumberStyles.Float, CultureInfo.InvariantCulture, out var p) =>
                new Routing { Mode = RoutingMode.TopP, P = p, Select = select },
            _ when After(text, "top_")?.Split(":probe=") is [var some, var probe] && Integer(some) is { } k && Integer(probe) is { } n =>
                new Routing { Mode = RoutingMode.TopK, K = k, Router = ExpertRouter.Probe, ProbeTokens = n, SelectTokens = n - 1 },
            _ when Integer(After(text, "top_")) is { } k => new Routing { Mode = RoutingMode.TopK, K = k, Select = select },
            _ => throw Unknown(text),
        };
        // The target domain of an average is each evaluated domain in turn.
        var check = routing.Mode == RoutingMode.Average ? routing with { Average = AverageWeights.Uniform } : routing;
        if (RoutingRules.Problem(check, experts, []) is { } problem) throw new BtxException($"--modes {text}: {problem}");
        var key = text switch { "ensemble:full_prefix" => "ensemble", "average" => "average:uniform", _ => text };
        return new(key, routing);
    }

    private static Routing Expert(string name) => new() { Mode = RoutingMode.Expert, Expert = name };

    private static string? After(string text, string start) =>
        text.StartsWith(start, StringComparison.Ordinal) ? text[start.Length..] : null;

    private static int? Integer(string? text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var k) ? k : null;

    private static BtxException Unknown(string text) => new($"--modes {text}: unknown mode; choose among {Known}");
}
