namespace Btx.Trainer.RoutingStatistics;

/// <summary>The routing of a fine-tune over its steps: <c>routing.csv</c>, every layer and expert at each statistic.</summary>
public static class RoutingCurve
{
    public const string CsvFile = "routing.csv";

    /// <summary>About so many statistics in a whole run.</summary>
    public const int Statistics = 20;

    public static CsvCurve<RoutingRow> Of(string directory, IReadOnlyList<string> experts) => new(Path.Combine(directory, CsvFile),
        "step,tokens,layer,expert,name,top1_share,gate_share,layer_entropy_bits",
        r => $"{r.Step},{r.Tokens},{r.Layer},{r.Expert},{experts[r.Expert]},{r.TopShare:F6},{r.GateShare:F6},{r.Entropy:F6}",
        cells => cells is [>= 0 and var step, >= 0 and var tokens, >= 0 and var layer, >= 0 and var expert, _, >= 0 and var top,
            >= 0 and var gate, >= 0 and var entropy] && expert < experts.Count
            ? new((long)step, (long)tokens, (int)layer, (int)expert, top, gate, entropy) : null,
        r => r.Step);
}

/// <summary>One row of <c>routing.csv</c>: an expert of one layer over the training tokens since the statistic before.</summary>
/// <param name="TopShare">Share of the tokens whose largest gate is the expert's.</param>
/// <param name="GateShare">Mean gate; over a layer they sum to 1.</param>
/// <param name="Entropy">Of the layer's gate shares, in bits; log2 E is even.</param>
public sealed record RoutingRow(long Step, long Tokens, int Layer, int Expert, double TopShare, double GateShare, double Entropy);

/// <summary>An expert that hardly any token reaches, and its gate share at the statistic at which that was noted.</summary>
public sealed record RoutingAlarm(long Step, int Layer, int Expert, string Name, double Share);

/// <summary>Raises an alarm when an expert's share of the gates in a layer stays under 1 % for <see cref="Patience"/> statistics in a row,
/// and again only after it was above. Of more than 25 experts a quarter of the even share is the bound.</summary>
public sealed class RoutingWatch(IReadOnlyList<string> experts)
{
    public const int Patience = 3;

    private readonly Dictionary<(int Layer, int Expert), int> low = [];

    /// <summary>The share under which an expert counts as starved.</summary>
    public double Bound { get; } = Math.Min(0.01, 0.25 / experts.Count);

    /// <summary>The alarms that a statistic raises, of one row for each layer and expert.</summary>
    public IReadOnlyList<RoutingAlarm> Note(IEnumerable<RoutingRow> statistic)
    {
        var raised = new List<RoutingAlarm>();
        foreach (var row in statistic)
        {
            var count = low[(row.Layer, row.Expert)] = row.GateShare < Bound ? low.GetValueOrDefault((row.Layer, row.Expert)) + 1 : 0;
            if (count == Patience) raised.Add(new(row.Step, row.Layer, row.Expert, experts[row.Expert], row.GateShare));
        }

        return raised;
    }

    /// <summary>One line for the console: what, where, and the remedy.</summary>
    public string Line(RoutingAlarm alarm, double loadBalancing)
    {
        var remedy = loadBalancing > 0 ? $"a larger --load-balancing than {loadBalancing:G3}" : "--load-balancing 0.01";
        return $"ALARM: layer {alarm.Layer}: expert {alarm.Expert} ({alarm.Name}) gets {100 * alarm.Share:F2} % of the gates at step "
            + $"{alarm.Step}, under {100 * Bound:F1} % for {Patience} statistics in a row; start over with --fresh and {remedy}";
    }
}
