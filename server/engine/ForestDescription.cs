namespace Btx.Engine;

/// <summary>What is being served. Immutable.</summary>
/// <param name="Experts">Names in the forest's order, that of every per-expert array. Empty where only a BTX model is served.</param>
/// <param name="PriorDomains">Those that have a cached prior, so that <c>average</c> and <c>prior_domain</c> can name them.</param>
/// <param name="ContextLength">Longest sequence, prompt and completion together, in tokens.</param>
/// <param name="ForestSha256">Weights hash of the forest's manifest; empty without a forest.</param>
/// <param name="Precision">Of the forest; of the BTX model where there is no forest.</param>
/// <param name="Moe">The BTX model that answers mode <c>moe</c>; null: none is loaded.</param>
public sealed record ForestDescription(IReadOnlyList<string> Experts, IReadOnlyList<string> Domains, IReadOnlyList<string> PriorDomains,
    int ContextLength, int VocabSize, string ForestSha256, string Precision, string Device, DateTimeOffset LoadedAt,
    MoeDescription? Moe = null)
{
    /// <summary>Named averages, which <c>average</c> can name.</summary>
    public IReadOnlyList<string> Averages { get; init; } = [];

    /// <summary>Experts that stay listed without traffic: a removal's lineage policy put them aside.</summary>
    public IReadOnlyList<string> Quarantined { get; init; } = [];

    /// <summary>What is not served because its files have changed.</summary>
    public ForestDamage Damage { get; init; } = ForestDamage.None;

    public Sessions.ModelMemory Memory { get; init; }
}

public sealed record MoeDescription
{
    /// <summary>By index: the order of every gate.</summary>
    public required IReadOnlyList<string> Experts { get; init; }

    public required IReadOnlyList<string> Domains
    {
        get;
        init
        {
            field = value;
            DomainNames = [.. value.Distinct(StringComparer.Ordinal)];
        }
    }

    /// <summary>Each domain once, in the order of its first expert.</summary>
    public IReadOnlyList<string> DomainNames { get; private init; } = [];

    /// <summary>k unless a request asks otherwise.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>The k that can be asked for: where k is built into the graphs, those that were exported; otherwise 1..N.</summary>
    public required IReadOnlyList<int> Choices { get; init; }

    public required int Layers { get; init; }

    /// <summary>How the router was trained, see <see cref="Model.Moe.RouterKind"/>.</summary>
    public required string Router { get; init; }

    /// <summary>Layers in which every expert runs, whatever k is.</summary>
    public IReadOnlyList<int> SoftLayers { get; init; } = [];

    public required string Precision { get; init; }

    public required string Sha256 { get; init; }
}

/// <summary>What is not served because its files on disk are not those that were opened any more, and why. Immutable.</summary>
/// <param name="Experts">By name; one line each. They stay listed, as quarantined.</param>
/// <param name="Moe">Of the BTX model; null: nothing is wrong with it.</param>
public sealed record ForestDamage(IReadOnlyDictionary<string, string> Experts, string? Moe = null)
{
    public static ForestDamage None { get; } = new(new Dictionary<string, string>());

    /// <summary>Why a routing that needs what is damaged cannot be answered; null: it does not need it.</summary>
    /// <param name="served">Experts that are left.</param>
    public string? Problem(Routing routing, IReadOnlyList<string> served) => routing switch
    {
        { Mode: RoutingMode.Moe } => Moe is null ? null : $"the BTX model is not served: {Moe}",
        { Mode: RoutingMode.Expert, Expert: { } name } when Experts.TryGetValue(name, out var why) =>
            $"expert \"{name}\" is quarantined: {why}",
        _ when served.Count == 0 && Experts.Count > 0 => $"every expert is quarantined: {Experts.Values.First()}",
        _ => null,
    };
}
