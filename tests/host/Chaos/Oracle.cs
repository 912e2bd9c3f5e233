using Btx.Model.Mixing;
using V1 = Btx.V1;

namespace Btx.Server.Tests.Chaos;

/// <summary>
/// Says of a request whether each of its tokens came from a forest that was legal at the time: from
/// the one before the change, from the one after it,
/// or from the first up to some token and from the second, given the whole text, from there on.
/// </summary>
internal sealed class Oracle
{
    private const double Tolerance = 2e-3;
    private readonly LoadRecord _record;
    private readonly int[] _text;
    private readonly Dictionary<string, double[]> _ofExperts = [];
    private readonly Dictionary<string, double[]> _ofAverages = [];
    private readonly Dictionary<string, double[]> _sums = [];

    private Oracle(LoadRecord record)
    {
        _record = record;
        _text = [.. record.Prompt, .. record.Tokens];
    }

    /// <param name="mayMove">A request under way may go from the first forest to the second.</param>
    /// <returns>Null: it is as it must be; else what is wrong.</returns>
    public static async Task<string?> ProblemAsync(LoadRecord record, IReadOnlyList<IReadOnlyList<string>> legal, bool mayMove)
    {
        for (var i = 0; i < record.Tokens.Count; i++)
        {
            if (record.IsGreedy && record.Best[i] != record.Tokens[i]) return $"{record.Name}: token {i} is not the most probable one";
        }

        if (record.Tokens.Count == 0) return null;
        var oracle = new Oracle(record);
        foreach (var name in legal.SelectMany(f => f).Distinct())
            oracle._ofExperts.Add(name, await Reference.OfExpertAsync(name, oracle._text));
        if (record.Request.Routing.Mode == V1.Mode.Average)
        {
            foreach (var forest in legal)
                oracle._ofAverages.TryAdd(string.Join(' ', forest), await Reference.OfAverageAsync(forest, oracle._text));
        }

        var best = 0;
        foreach (var forest in legal)
        {
            var fits = oracle.Fits(forest, 0);
            if (fits == record.Tokens.Count) return null;
            best = Math.Max(best, fits);
        }

        if (mayMove)
        {
            for (var moved = oracle.Fits(legal[0], 0); moved >= 0; moved--)
            {
                var fits = oracle.Fits(legal[1], moved);
                if (moved + fits == record.Tokens.Count) return null;
                best = Math.Max(best, moved + fits);
            }
        }

        return $"{record.Name}: token {best} of {record.Tokens.Count} is from none of the forests "
            + $"{string.Join(" or ", legal.Select(f => string.Join('+', f)))}: its log p is {record.LogProbs[best]:F4}, "
            + $"expected {string.Join(" or ", legal.Select(f => oracle.LogProb(f, 0, best).ToString("F4", System.Globalization.CultureInfo.InvariantCulture)))}";
    }

    /// <summary>How many tokens from one on are what a forest says that gets the text before that one as its prompt.</summary>
    private int Fits(IReadOnlyList<string> forest, int from)
    {
        for (var i = from; i < _record.Tokens.Count; i++)
        {
            if (!(Math.Abs(LogProb(forest, from, i) - _record.LogProbs[i]) <= Tolerance)) return i - from;
        }

        return _record.Tokens.Count - from;
    }

    private double LogProb(IReadOnlyList<string> forest, int from, int token)
    {
        var routing = _record.Request.Routing;
        var at = _record.Request.Prompt.Tokens.Ids.Count + token - 1; // entry i predicts text[i + 1]
        if (routing.Mode == V1.Mode.Expert) return forest.Contains(routing.Expert) ? _ofExperts[routing.Expert][at] : double.NaN;
        if (routing.Mode == V1.Mode.Average) return _ofAverages[string.Join(' ', forest)][at];
        var active = new bool[forest.Count];
        Array.Fill(active, true);
        var chosen = Weights(forest, at - token + from, active);
        if (routing.Mode == V1.Mode.TopK) ActiveSet.TopK(chosen, Math.Min(routing.K, forest.Count), active);
        if (routing.Mode == V1.Mode.TopP)
        {
            Array.Clear(active);
            ActiveSet.TopP(chosen, routing.P, active);
        }

        var weights = Weights(forest, at, active);
        return Math.Log(forest.Select((name, j) => weights[j] * Math.Exp(_ofExperts[name][at])).Sum());
    }

    /// <summary>The posterior after so many predicted tokens, over the active.</summary>
    private double[] Weights(IReadOnlyList<string> forest, int observed, bool[] active)
    {
        var log = forest.Select(name => _record.Request.Routing.Posterior == V1.PosteriorKind.Fixed ? 0 : Sum(name, observed)).ToArray();
        for (var j = 0; j < log.Length; j++) log[j] = active[j] ? log[j] : double.NegativeInfinity;
        var weights = new double[log.Length];
        LogSpace.Softmax(log, weights);
        return weights;
    }

    private double Sum(string name, int observed)
    {
        var of = _ofExperts[name];
        if (!_sums.TryGetValue(name, out var sums))
        {
            sums = new double[of.Length + 1];
            for (var i = 0; i < of.Length; i++) sums[i + 1] = sums[i] + of[i];
            _sums.Add(name, sums);
        }

        return sums[observed];
    }
}
