using System.Globalization;
using Btx.Model;
using Btx.Model.Moe;
using Btx.Trainer.Networks;

namespace Btx.Trainer.Phases;

/// <summary>What a fine-tune of a mixture needs besides a training job.</summary>
public sealed record MoeTuning
{
    public const double DefaultLoadBalancing = 0.01;

    /// <summary>Of the mixture that is fine-tuned.</summary>
    public required BtxManifest Source { get; init; }

    public required MoeTraining Routing { get; init; }

    /// <summary>Whether the experts' weights stay as they are.</summary>
    public bool FreezeExperts { get; init; }

    /// <summary>k at inference.</summary>
    public int ExpertsPerToken => RouterKind.ExpertsPerToken(Routing.Router, Routing.ExpertsPerToken, Source.Experts.Count);

    /// <summary>Experts by index.</summary>
    public IReadOnlyList<string> Names => [.. Source.Experts.Select(e => e.Name)];

    /// <summary>By flag, as text.</summary>
    public IEnumerable<KeyValuePair<string, string>> Flags()
    {
        yield return new("--router", Routing.Router);
        yield return new("--k", ExpertsPerToken.ToString(CultureInfo.InvariantCulture));
        yield return new("--load-balancing", Routing.LoadBalancing.ToString("R", CultureInfo.InvariantCulture));
        yield return new("--freeze", FreezeExperts ? "experts" : "nothing");
    }

    /// <summary>How a mixture is to route, from flags and from what the mixture says of itself.</summary>
    /// <param name="kind">Null: as the mixture was made.</param>
    /// <param name="k">Null: as the mixture was made if its router is kept, else 2.</param>
    /// <exception cref="BtxException">An unknown kind, a k out of range, or a k for a kind that fixes it.</exception>
    public static MoeTraining Route(BtxManifest source, string? kind, int? k, double loadBalancing, long seed)
    {
        var experts = source.Experts.Count;
        var router = kind ?? source.Router.Kind;
        if (k is not null && router != RouterKind.TopK && RouterKind.Names.Contains(router)
            && k != RouterKind.ExpertsPerToken(router, k.Value, experts))
            throw new BtxException($"--k {k}: --router {router} always runs {RouterKind.ExpertsPerToken(router, k.Value, experts)} of "
                + $"{experts} experts; leave --k out or choose --router {RouterKind.TopK}");
        var kept = router == source.Router.Kind ? source.Router.ExpertsPerToken : Math.Min(2, experts);
        return new MoeTraining
        {
            Router = router,
            ExpertsPerToken = k ?? kept,
            LoadBalancing = loadBalancing,
            Seed = seed
        }.Validate(experts);
    }
}
