using System.Globalization;
using Btx.Model;
using Btx.Model.Mixing;

namespace Btx.Trainer.Evaluation;

/// <summary>Reads <c>--modes</c>.</summary>
public static class EvaluationModes
{
    public const string Known =
        "seed, dense, models, the name of a --model, moe, moe:k=K, experts, expert:NAME, ensemble, ensemble:last_token, ensemble:fixed, "
        + "ensemble:switching, top_1 to top_E, top_p=P, average:uniform, average:posterior, average:argmax";
    private const string MoeOfK = "moe:k=";
    private const int EveryTopUpTo = 8;

    /// <summary>What is measured when nothing is chosen: all there is.</summary>
    /// <param name="models">Names of the compared models.</param>
    /// <param name="moe">N of the BTX model; 0: there is none.</param>
    public static IReadOnlyList<string> Default(int experts, bool seed, bool dense, IReadOnlyList<string>? models = null,
        int moe = 0) =>
    [
        .. seed ? [EvaluationMode.Seed] : Array.Empty<string>(),
        .. dense ? [EvaluationMode.Dense] : Array.Empty<string>(),
        .. models ?? [],
        .. moe > 0 ? [EvaluationMode.Moe] : Array.Empty<string>(),
        "experts", "ensemble", "ensemble:last_token", "ensemble:fixed", "ensemble:switching",
        .. Enumerable.Range(1, experts).Where(k => experts <= EveryTopUpTo || System.Numerics.BitOperations.IsPow2(k) || k == experts)
            .Select(k => $"top_{k}"),
        "top_p=0.9", "average:uniform", "average:posterior", "average:argmax",
    ];

    /// <param name="texts">Names as on the command line; a name given twice counts once.</param>
    /// <param name="experts">Names of the experts.</param>
    /// <param name="seed">Whether <c>--seed-model</c> is given.</param>
    /// <param name="dense">Whether <c>--dense</c> is given.</param>
    /// <param name="select">When top_k and top_p choose.</param>
    /// <param name="models">Names of the compared models.</param>
    /// <param name="moe">N and k of the BTX model; N = 0: there is none.</param>
    /// <exception cref="BtxException">Unknown mode, k out of range, p out of range, or a model that was not given.</exception>
    public static IReadOnlyList<EvaluationMode> Parse(
        IEnumerable<string> texts, IReadOnlyList<string> experts, bool seed, bool dense, SelectForm select,
        IReadOnlyList<string>? models = null, (int Experts, int PerToken) moe = default)
    {
        models ??= [];
        var modes = new List<EvaluationMode>();
        foreach (var text in texts)
        {
            if (text == EvaluationMode.Seed && !seed)
                throw new BtxException("--modes seed: name the seed's directory with --seed-model DIR");
            if (text == EvaluationMode.Dense && !dense)
                throw new BtxException("--modes dense: name the baseline's directory with --dense DIR");
            if (text == "models" && models.Count == 0) throw new BtxException("--modes models: name at least one with --model NAME=DIR");
            if (text is EvaluationMode.Seed or EvaluationMode.Dense || models.Contains(text)) modes.Add(new(text, null));
            else if (text == "models") modes.AddRange(models.Select(m => new EvaluationMode(m, null)));
            else if (text == EvaluationMode.Moe || text.StartsWith(MoeOfK, StringComparison.Ordinal)) modes.Add(Moe(text, moe));
            else if (text == "experts") modes.AddRange(experts.Select(e => new EvaluationMode($"expert:{e}", Expert(e))));
            else modes.Add(Forest(text, experts, select));
        }

        if (modes.Count == 0) throw new BtxException($"--modes is empty; choose among {Known}");
        return [.. modes.DistinctBy(m => m.Key)];
    }

    /// <summary>Whether a mode has this name, or may have.</summary>
    public static bool IsReserved(string name) =>
        name is EvaluationMode.Seed or EvaluationMode.Dense or EvaluationMode.Moe or "models" or "experts" or "ensemble" or "average"
        or "forest" || name.StartsWith("top_", StringComparison.Ordinal);

    private static EvaluationMode Moe(string text, (int Experts, int PerToken) moe)
    {
        if (moe.Experts == 0) throw new BtxException($"--modes {text}: name the BTX model's directory with --btx DIR");
        var k = moe.PerToken;
        if (text != EvaluationMode.Moe
            && !int.TryParse(text.AsSpan(MoeOfK.Length), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out k))
            throw new BtxException($"--modes {text}: unknown mode; choose among {Known}");
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
            _ when text.StartsWith("expert:", StringComparison.Ordinal) => Expert(text[7..]),
            _ when text.StartsWith("top_p=", StringComparison.Ordinal)
                && Number(text[6..]) is { } p => new Routing { Mode = RoutingMode.TopP, P = p, Select = select },
            _ when text.StartsWith("top_", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(4), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var k) =>
                new Routing { Mode = RoutingMode.TopK, K = k, Select = select },
            _ => throw new BtxException($"--modes {text}: unknown mode; choose among {Known}"),
        };
        // The target domain of an average is each evaluated domain in turn.
        var check = routing.Mode == RoutingMode.Average ? routing with { Average = AverageWeights.Uniform } : routing;
        if (RoutingRules.Problem(check, experts, []) is { } problem) throw new BtxException($"--modes {text}: {problem}");
        var key = text switch { "ensemble:full_prefix" => "ensemble", "average" => "average:uniform", _ => text };
        return new(key, routing);
    }

    private static Routing Expert(string name) => new() { Mode = RoutingMode.Expert, Expert = name };

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var p) ? p : null;
}
