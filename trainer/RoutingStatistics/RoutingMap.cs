using Btx.Cli.Charts;

namespace Btx.Trainer.RoutingStatistics;

/// <summary>Where a BTX model sends each domain's validation text, by layer and expert, as <c>routing.json</c> and a picture.</summary>
public sealed class RoutingMap(IReadOnlyList<string> experts, int layers)
{
    public const string JsonFile = "routing.json";
    public const string PictureFile = "routing.svg";

    private readonly OrderedDictionary<string, RoutingTally> domains = [];

    /// <summary>The sums of a domain, to add to.</summary>
    public RoutingTally Of(string domain)
    {
        if (!domains.TryGetValue(domain, out var tally)) domains.Add(domain, tally = new RoutingTally(layers, experts.Count));
        return tally;
    }

    /// <summary>Writes both files, each whole; nothing where no text was routed.</summary>
    public void Save(string directory, string name, int expertsPerToken, IReadOnlyList<RoutingAlarm> alarms)
    {
        if (domains.Count == 0) return;
        double[] Each(Func<int, double> value) => [.. Enumerable.Range(0, experts.Count).Select(e => Math.Round(value(e), 6))];
        ManifestJson.Save(new
        {
            ExpertsPerToken = expertsPerToken,
            Experts = experts,
            Domains = domains.Select(d => new
            {
                Name = d.Key,
                Tokens = d.Value.Tokens(0),
                Layers = Enumerable.Range(0, layers).Select(l => new
                {
                    GateShare = Each(e => d.Value.GateShare(l, e)),
                    Top1Share = Each(e => d.Value.TopShare(l, e)),
                    EntropyBits = Math.Round(d.Value.Entropy(l), 6),
                }),
            }),
            Alarms = alarms,
        }, Path.Combine(directory, JsonFile));

        // A panel for each layer and one for their mean: domains down, experts across.
        var panels = Enumerable.Range(0, layers).Select(l => ($"layer {l}", Panel((tally, e) => tally.GateShare(l, e))));
        if (layers > 1)
            panels = panels.Prepend(("mean of the layers",
                Panel((tally, e) => Enumerable.Range(0, layers).Average(l => tally.GateShare(l, e)))));
        var map = new HeatMap("routing", $"Routing of {name}, k = {expertsPerToken}", [.. domains.Keys], experts, [.. panels])
        {
            Caption = "expert's share of the gates on the domain's validation text, per cent; rows add up to 100, largest of each in bold",
            Format = "F0",
            Range = (0, 100),
        };
        AtomicFile.WriteText(Path.Combine(directory, PictureFile), map.ToSvg());
    }

    private double[,] Panel(Func<RoutingTally, int, double> share)
    {
        var values = new double[domains.Count, experts.Count];
        for (var d = 0; d < domains.Count; d++)
            for (var e = 0; e < experts.Count; e++) values[d, e] = 100 * share(domains.GetAt(d).Value, e);

        return values;
    }
}

/// <summary>Sums over tokens of how each layer of a BTX model routed them.</summary>
public sealed class RoutingTally(int layers, int experts)
{
    // For each layer: tokens, E tokens that weigh the expert most, E sums of gates.
    private readonly double[] sums = new double[layers * ((2 * experts) + 1)];

    /// <summary>Everything it remembers: what a resume point keeps.</summary>
    public IReadOnlyList<double> Sums
    {
        get => [.. sums];
        set
        {
            if (value.Count != sums.Length) throw new ArgumentException($"{value.Count} numbers; expected {sums.Length}", nameof(value));
            for (var i = 0; i < sums.Length; i++) sums[i] = value[i];
        }
    }

    /// <summary>Adds one forward pass through a layer.</summary>
    public void Add(int layer, TokenRouting routing)
    {
        var row = Row(layer);
        var mass = new double[experts];
        row[0] += routing.Tokens;
        for (var first = 0; first < routing.Chosen.Length; first += routing.PerToken)
        {
            var best = first;
            for (var pair = first; pair < first + routing.PerToken; pair++)
            {
                mass[routing.Chosen[pair]] += routing.Weights[pair];
                if (routing.Weights[pair] > routing.Weights[best]) best = pair;
            }

            row[1 + (int)routing.Chosen[best]]++;
        }

        for (var e = 0; e < experts; e++) row[1 + experts + e] += mass[e];
    }

    public void Clear() => Array.Clear(sums);

    public double Tokens(int layer) => Row(layer)[0];

    /// <summary>Share of the tokens that weigh the expert most.</summary>
    public double TopShare(int layer, int expert) => Row(layer)[1 + expert] / Math.Max(1, Tokens(layer));

    /// <summary>Mean gate of the expert; over a layer they sum to 1.</summary>
    public double GateShare(int layer, int expert) => Row(layer)[1 + experts + expert] / Math.Max(1, Tokens(layer));

    /// <summary>Entropy of the layer's gate shares in bits: log2 E when all experts carry the same, 0 when one carries all.</summary>
    public double Entropy(int layer) =>
        Enumerable.Range(0, experts).Select(e => GateShare(layer, e)).Sum(share => share > 0 ? -share * Math.Log2(share) : 0);

    /// <summary>The smallest gate share of any expert in any layer.</summary>
    public double SmallestShare() => Enumerable.Range(0, layers * experts).Select(i => GateShare(i / experts, i % experts)).Append(1).Min();

    /// <summary>The rows of one statistic, rounded as <c>routing.csv</c> keeps them.</summary>
    public IReadOnlyList<RoutingRow> Rows(long step, long tokens)
    {
        static double Six(double value) => Math.Round(value, 6);
        return [.. Enumerable.Range(0, layers).SelectMany(l => Enumerable.Range(0, experts)
            .Select(e => new RoutingRow(step, tokens, l, e, Six(TopShare(l, e)), Six(GateShare(l, e)), Six(Entropy(l)))))];
    }

    private Span<double> Row(int layer) => sums.AsSpan(layer * ((2 * experts) + 1), (2 * experts) + 1);
}
