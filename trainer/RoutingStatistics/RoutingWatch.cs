namespace Btx.Trainer.RoutingStatistics;

/// <summary>
/// Raises an alarm when an expert's share of the gates in a layer stays under 1 % for <see cref="Patience"/> statistics in a row, and
/// again only after it was above. Of more than 25 experts a quarter of the even share is the bound.
/// </summary>
/// <param name="experts">Names by index.</param>
public sealed class RoutingWatch(IReadOnlyList<string> experts)
{
    /// <summary>Statistics in a row.</summary>
    public const int Patience = 3;

    private readonly Dictionary<(int Layer, int Expert), int> low = [];

    /// <summary>The share under which an expert counts as starved.</summary>
    public double Bound { get; } = Math.Min(0.01, 0.25 / experts.Count);

    /// <param name="statistic">One row for each layer and expert.</param>
    /// <returns>The alarms that this statistic raises.</returns>
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
    /// <param name="loadBalancing">α of the run.</param>
    public string Line(RoutingAlarm alarm, double loadBalancing)
    {
        var remedy = loadBalancing > 0 ? $"a larger --load-balancing than {loadBalancing:G3}" : "--load-balancing 0.01";
        return $"ALARM: layer {alarm.Layer}: expert {alarm.Expert} ({alarm.Name}) gets {100 * alarm.Share:F2} % of the gates at step "
            + $"{alarm.Step}, under {100 * Bound:F1} % for {Patience} statistics in a row; start over with --fresh and {remedy}";
    }
}
