namespace Btx.Engine.Requests;

/// <summary>How the next token is drawn from the mixture. Applied in this order: repetition penalty, temperature, top_k, top_p,
/// min_p.</summary>
public sealed record SamplingOptions
{
    /// <summary>Below 1e-5, greedy: the limit. Otherwise divides the mixture's log-probabilities; finite, 0..100.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Nucleus mass, in (0, 1]; 1 keeps all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Keeps the k most probable tokens; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keeps tokens with p ≥ min_p · max p; in [0, 1].</summary>
    public double MinP { get; init; }

    /// <summary>Divides positive and multiplies negative scores of tokens seen in prompt or completion (CTRL); 1 is off; in (0,
    /// 10].</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Same seed, same request: same tokens. Null: drawn at random.</summary>
    public long? Seed { get; init; }
}
