namespace Btx.Model.Mixing;

/// <summary>Which experts answer and how they are mixed: one request's choice. A value;
/// <see cref="RoutingRules"/> says what is valid.</summary>
public sealed record Routing
{
    public RoutingMode Mode { get; init; } = RoutingMode.Ensemble;

    /// <summary>For <see cref="RoutingMode.TopK"/>: 1..E. For <see cref="RoutingMode.Moe"/>: experts per token, 1..N.</summary>
    public int K { get; init; } = 2;

    /// <summary>For <see cref="RoutingMode.TopP"/>: posterior mass in (0, 1].</summary>
    public double P { get; init; } = 0.9;

    public PosteriorKind Posterior { get; init; } = PosteriorKind.FullPrefix;

    /// <summary>α of <see cref="PosteriorKind.Switching"/>, in [0, 1].</summary>
    public double SwitchingRate { get; init; } = 0.01;

    /// <summary>The domain whose cached prior is π; null: π is uniform.</summary>
    public string? PriorDomain { get; init; }

    /// <summary>For <see cref="RoutingMode.Expert"/>.</summary>
    public string? Expert { get; init; }

    /// <summary>For <see cref="RoutingMode.Average"/>.</summary>
    public AverageWeights Average { get; init; } = AverageWeights.Uniform;

    /// <summary>For averages by <see cref="AverageWeights.Argmax"/> or <see cref="AverageWeights.Posterior"/>: the target domain.</summary>
    public string? AverageDomain { get; init; }

    /// <summary>For averages: one that was given a name; <see cref="Average"/> does not count then.</summary>
    public string? AverageName { get; init; }

    public SelectForm Select { get; init; } = SelectForm.Prompt;

    /// <summary>In scoring with <see cref="SelectForm.Prompt"/>: how many leading tokens choose the set.</summary>
    public int SelectTokens { get; init; } = 32;

    /// <summary>In generation: choose the active set anew every so many tokens; 0 keeps the first choice.</summary>
    public int RerouteInterval { get; init; }
}
