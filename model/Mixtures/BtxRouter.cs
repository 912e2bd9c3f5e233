namespace Btx.Model.Mixtures;

/// <summary>How a mixture routes.</summary>
public sealed record BtxRouter
{
    /// <summary>One of <see cref="RouterKind.Names"/>: how it was trained.</summary>
    public string Kind { get; init; } = RouterKind.TopK;

    /// <summary>k at inference unless a request asks otherwise: <c>num_experts_per_tok</c> of the config.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>Where the weights began: <c>random</c>, <c>centroid</c>, <c>ridge</c> or <c>file</c>.</summary>
    public string? Init { get; init; }

    /// <summary>λ of <see cref="RouterInit.Ridge"/>; null: not fitted so, or <see cref="RidgeRouter.DefaultLambda"/>.</summary>
    public double? RidgeLambda { get; init; }

    /// <summary>Layers in which every expert always runs, whatever k is (the first, for <see cref="RouterKind.SampleTop1"/>).</summary>
    public IReadOnlyList<int> SoftLayers { get; init; } = [];
}
