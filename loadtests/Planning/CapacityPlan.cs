using System.Globalization;
using System.Text.Json.Serialization;

namespace Btx.LoadTests.Planning;

/// <summary>How many devices a load needs, for each number of experts.</summary>
public sealed record CapacityPlan(MachineSpec Machine, PlannedLoad Load, PlannedRouting Routing, StepCosts Costs,
    IReadOnlyList<ForestPlan> Forests, IReadOnlyList<string> Assumptions)
{
    public int Schema { get; init; } = 1;
}

/// <summary>A machine to plan for. A device is what has memory of its own: a GPU, or a machine's processors together.</summary>
public sealed record MachineSpec
{
    public string Name { get; init; } = "machine";

    /// <summary>Of a device's memory, GB/s (10⁹ bytes).</summary>
    [JsonPropertyName("bandwidth_gb_per_s")]
    public required double Bandwidth { get; init; }

    [JsonPropertyName("memory_gib")]
    public required double Memory { get; init; }

    public int Devices { get; init; } = 1;

    /// <summary>Of a device in the precision that is served; null: rows are taken as free beside reading weights.</summary>
    public double? Teraflops { get; init; }

    public static MachineSpec Read(string path) => RunJson.Read<MachineSpec>(path).Checked(path);

    public MachineSpec Checked(string source)
    {
        foreach (var (name, value, most) in new[] { ("bandwidth_gb_per_s", Bandwidth, 1e6), ("memory_gib", Memory, 1e6),
            ("devices", Devices, 1024), ("teraflops", Teraflops ?? 1, 1e6) })
            if (!(value > 0 && value <= most))
                throw new LoadTestException($"{source}: {name} is {value}; expected a number above 0, to {most:#,##0}");
        return this;
    }
}

/// <summary>What is asked of the service; tokens are means.</summary>
/// <param name="Mix">In the form of <see cref="DomainShares"/>.</param>
/// <param name="InterTokenLimit">Seconds between two tokens that a batch may take; null: none.</param>
public sealed record PlannedLoad(double RequestsPerSecond, double PromptTokens, double OutputTokens, string Mix, double? InterTokenLimit);

/// <summary>How requests use the experts.</summary>
public sealed record PlannedRouting(string Mode, int K, string Choice)
{
    /// <summary>Every expert reads the prompt before the k are chosen, as in the server; or the caller names the domain.</summary>
    public const string ByPrompt = "prompt", ByDomain = "domain";

    public bool IsMixture => Mode == "moe";

    internal bool Gathers => Mode == "top_k" && Choice == ByPrompt;

    /// <summary>Experts that run a token.</summary>
    public int Active(int experts) => Mode switch { "ensemble" => experts, "expert" => 1, _ => Math.Min(K, experts) };

    /// <summary>Experts that read a prompt.</summary>
    public int Prefilled(int experts) => Gathers ? experts : Active(experts);
}

/// <summary>Shares of time and of memory that may be used, and the requests at a time that a server has caches for.</summary>
public sealed record ServiceRules(double Utilisation = 0.7, double MemoryShare = 0.9, int Slots = 16);

public sealed record ExpertSize(double Parameters, string Precision, double KvBytesPerToken)
{
    /// <summary>Bytes a parameter, block scales of the quantised ones included (a half for 32 weights).</summary>
    public static IReadOnlyDictionary<string, double> BytesPerParameter { get; } =
        new Dictionary<string, double> { ["fp32"] = 4, ["fp16"] = 2, ["bf16"] = 2, ["int8"] = 1.0625, ["int4"] = 0.5625 };

    public double WeightBytes => Parameters * BytesPerParameter[Precision];

    /// <summary>A usual Llama: 12·layers·width² parameters, a layer for every 64 of width; fp16 but for fp32 weights.</summary>
    public static double UsualKvBytesPerToken(double parameters, string precision)
    {
        var width = Math.Cbrt(parameters * 64 / 12);
        return 2 * (width / 64) * width * (precision == "fp32" ? 4 : 2);
    }

    /// <summary>Reads <c>125M</c>, <c>1.3B</c>, <c>280k</c> or a plain number.</summary>
    public static double ReadParameters(string option, string text)
    {
        var scale = text.Length == 0 || !char.IsLetter(text[^1]) ? 1
            : char.ToUpperInvariant(text[^1]) switch { 'K' => 1e3, 'M' => 1e6, 'B' => 1e9, _ => double.NaN };
        var number = scale == 1 ? text : text[..^1];
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value * scale is >= 1 and <= 1e13
            ? value * scale : throw new LoadTestException($"{option} {text}: expected a number of parameters such as 280k, 125M or 1.3B");
    }
}

/// <summary>Shares of requests by domain, one domain an expert, the largest first.</summary>
public static class DomainShares
{
    public const string Forms = "uniform, zipf:EXPONENT or a weight for each expert: 0.5,0.3,0.2";

    /// <exception cref="LoadTestException">None of these, or another number of weights than experts.</exception>
    public static double[] Read(string option, string text, int experts)
    {
        var spec = new Specification(option, text, Forms);
        var exponent = spec.Kind != "zipf" ? 0 : spec.Has(1) ? spec.Number(0, "exponent", 0, orEqual: true) : throw spec.Unknown();
        double[] weights = spec.Kind == "zipf" || text == "uniform" ? [.. Enumerable.Range(1, experts).Select(i => Math.Pow(i, -exponent))]
            : [.. text.Split(',').Select(part => double.TryParse(part, out var weight) && weight >= 0 && double.IsFinite(weight) ? weight
                : throw spec.Error($"\"{part}\" is no weight; expected {Forms}"))];
        if (weights.Length != experts)
            throw new LoadTestException($"{option} {text}: {weights.Length} weights for {experts} experts; give one for each, or uniform");
        var sum = weights.Sum();
        if (!(sum > 0)) throw new LoadTestException($"{option} {text}: the weights are all zero");
        return [.. weights.Select(w => w / sum).OrderDescending()];
    }
}

/// <summary>A forest, or a BTX model, of so many experts.</summary>
/// <param name="BytesPerExpert">Weights and the keys and values of its slots.</param>
/// <param name="Whole">Null if a machine has too few devices for that.</param>
/// <param name="Sharded">Null for a BTX model, whose layers need all experts, and where one device does.</param>
/// <param name="Fewest"><c>whole</c> or <c>sharded</c>: what takes fewer devices; null if neither serves the load.</param>
/// <param name="FewestToday">The same with the server as it is: a replica on one device, or a router by domain before shards.</param>
public sealed record ForestPlan(int Experts, double BytesPerExpert, double WeightBytesPerExpert, int ExpertsPerDevice, WholeForest? Whole,
    ShardedForest? Sharded, string? Fewest, string? FewestToday, IReadOnlyList<string> Notes);

/// <summary>Replicas that have every expert; times are means, seconds.</summary>
/// <param name="Capacity">Requests a second of a replica that never waits.</param>
/// <param name="PromptSeconds">For one request, alone.</param>
public sealed record WholeForest(int DevicesPerReplica, int Replicas, int Machines, int Batch, double Capacity, double Utilisation,
    double TimeToFirstToken, double InterToken, double PromptSeconds);

/// <summary>Experts on devices by their load, the hot ones more than once, behind a router; times of the busiest device.</summary>
/// <param name="Placement">Numbers of the experts on each device, 0 the most asked for.</param>
public sealed record ShardedForest(int Devices, int Machines, double HighestUtilisation, double MeanUtilisation, int MostCopies,
    double InterToken, double TimeToFirstToken, IReadOnlyList<IReadOnlyList<int>> Placement);

/// <summary>The planning's own formulas against what was measured.</summary>
/// <param name="Points">Closed loop; each predicted from the other settings of its kind, never from itself.</param>
/// <param name="Knees">Open loop: the load at which a server saturates, from the closed loop's costs.</param>
public sealed record PlanCheck(string Directory, IReadOnlyList<CheckedPoint> Points, IReadOnlyList<CheckedKnee> Knees,
    IReadOnlyList<string> Notes)
{
    /// <summary>Median of |predicted / measured - 1|; 0 without points.</summary>
    public double MedianError => Errors.Median();

    public double WorstError => Errors.Max();

    private IEnumerable<double> Errors => Points.Select(p => Math.Abs((p.Predicted / p.Measured) - 1)).DefaultIfEmpty(0);
}

/// <summary>Requests a second at which a server saturates; measured between <paramref name="Low"/> and <paramref name="High"/>.</summary>
public sealed record CheckedKnee(string Name, double Measured, double Low, double High, double Predicted);

/// <summary>Tokens a second.</summary>
public sealed record CheckedPoint(string Name, double Measured, double Predicted);

/// <summary>What <c>plan --json</c> writes.</summary>
public sealed record PlanDocument(CapacityPlan? Plan, PlanCheck? Check);
