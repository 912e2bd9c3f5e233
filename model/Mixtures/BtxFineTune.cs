namespace Btx.Model.Mixtures;

/// <summary>What a mixture was fine-tuned on after mixing.</summary>
public sealed record BtxFineTune
{
    public required long Tokens { get; init; }

    public required long Steps { get; init; }

    /// <summary>SHA-256 (hex) of the training shard, by domain.</summary>
    public required IReadOnlyDictionary<string, string> Corpora { get; init; }

    /// <summary>Share of the tokens, by domain; sums to 1.</summary>
    public required IReadOnlyDictionary<string, double> Weights { get; init; }

    /// <summary>α; 0: no load balancing.</summary>
    public double LoadBalancing { get; init; }

    /// <summary>Whether the experts' own weights stayed as they were.</summary>
    public bool FrozenExperts { get; init; }
}
