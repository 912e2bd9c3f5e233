namespace Btx.Engine.Requests;

/// <summary>One generation. Tokens are the host's work; rules on their ids and number are the engine's.</summary>
public sealed record GenerationRequest
{
    /// <summary>Prompt token ids, beginning-of-sequence included where the tokenizer asks for it; at least one.</summary>
    public required int[] Prompt { get; init; }

    public required Routing Routing { get; init; }

    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>1 … context length − prompt length; a larger value is clamped to what fits, 0 or less is refused.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>Generation ends before the first of these in the text; at most 16, none empty.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    public bool IgnoreEndOfSequence { get; init; }

    /// <summary>How many alternatives to report per token, 0..20.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Reports the posterior and per-expert contribution with each token; in mode moe the router's gates.</summary>
    public bool ReportExperts { get; init; }
}

/// <summary>How the next token is drawn. In this order: repetition penalty, temperature, top_k, top_p, min_p.</summary>
/// <param name="Temperature">Below 1e-5, greedy: the limit. Otherwise divides the mixture's log-probabilities; finite, 0..100.</param>
/// <param name="TopP">Nucleus mass, in (0, 1]; 1 keeps all.</param>
/// <param name="TopK">Keeps the k most probable tokens; 0 keeps all.</param>
/// <param name="MinP">Keeps tokens with p ≥ min_p · max p; in [0, 1].</param>
/// <param name="RepetitionPenalty">Divides positive and multiplies negative scores of tokens seen (CTRL); 1 is off; in (0, 10].</param>
/// <param name="Seed">Same seed, same request: same tokens. Null: drawn at random.</param>
public sealed record SamplingOptions(double Temperature = 1, double TopP = 1, int TopK = 0, double MinP = 0, double RepetitionPenalty = 1,
    long? Seed = null);
