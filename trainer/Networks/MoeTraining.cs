using Btx.Model;
using Btx.Model.Moe;
using Btx.Trainer.Networks.Routers;

namespace Btx.Trainer.Networks;

/// <summary>How the mixtures of a network route while they learn.</summary>
public sealed record MoeTraining
{
    /// <summary>One of <see cref="RouterKind.Names"/>.</summary>
    public string Router { get; init; } = RouterKind.TopK;

    /// <summary>k of <see cref="RouterKind.TopK"/>.</summary>
    public int ExpertsPerToken { get; init; } = 2;

    /// <summary>α; 0 turns load balancing off.</summary>
    public double LoadBalancing { get; init; } = 0.01;

    /// <summary>For <see cref="RouterKind.Switch"/>: an expert takes at most so many times its even share of a batch.</summary>
    public double CapacityFactor { get; init; } = 1.5;

    /// <summary>Of the samples of <see cref="RouterKind.SampleTop1"/>.</summary>
    public long Seed { get; init; }

    /// <summary>Layers in which every expert runs, in training and after: the first for <see cref="RouterKind.SampleTop1"/>.</summary>
    public IReadOnlyList<int> SoftLayers => Router == RouterKind.SampleTop1 ? [0] : [];

    /// <exception cref="BtxException">A setting does not fit.</exception>
    public MoeTraining Validate(int experts)
    {
        if (!RouterKind.Names.Contains(Router))
            throw new BtxException(
                $"--router {BtxException.OneLine(Router)}: unknown; choose one of {string.Join(", ", RouterKind.Names)}");
        if (ExpertsPerToken < 1 || ExpertsPerToken > experts)
            throw new BtxException($"--k {ExpertsPerToken}: the model has {experts} experts; choose 1..{experts}");
        if (!(LoadBalancing >= 0) || !double.IsFinite(LoadBalancing))
            throw new BtxException($"--load-balancing {LoadBalancing}: expected a number of at least 0");
        if (!(CapacityFactor > 0) || !double.IsFinite(CapacityFactor))
            throw new BtxException($"a capacity factor of {CapacityFactor}; expected a positive number");
        return this;
    }

    internal IRouter MakeRouter(int experts) => Router switch
    {
        RouterKind.Switch => new SwitchRouter(CapacityFactor),
        RouterKind.SampleTop1 => new SampleTop1Router(),
        RouterKind.Soft => new SoftRouter(),
        _ when ExpertsPerToken == experts => new SoftRouter(),
        _ => new TopKRouter(ExpertsPerToken),
    };
}
