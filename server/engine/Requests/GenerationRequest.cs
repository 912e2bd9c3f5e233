using System.Collections.ObjectModel;
using Btx.Engine.Grammars;

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

    /// <summary>How many of <see cref="Stop"/> are the server's own, and do not count against the limit.</summary>
    public int AddedStops { get; init; }

    public bool IgnoreEndOfSequence { get; init; }

    /// <summary>What the answer may look like, in every routing mode; null: anything. The answer is whole within
    /// <see cref="MaxTokens"/>, and ends where nothing may follow. Not beside <see cref="Stop"/>, which would cut it.</summary>
    public OutputGrammar? Grammar { get; init; }

    /// <summary>How many alternatives to report per token, 0..20.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Reports the posterior and per-expert contribution with each token; in mode moe the router's gates.</summary>
    public bool ReportExperts { get; init; }
}

/// <summary>How the next token is drawn. In this order: repetition penalty (to the mixture's own log-probabilities), bias, presence and
/// frequency penalty, what may come at all (grammar, min_tokens), temperature, top_k, top_p, min_p.</summary>
/// <param name="Temperature">Below 1e-5, greedy: the limit. Otherwise divides the mixture's log-probabilities; finite, 0..100.</param>
/// <param name="TopP">Nucleus mass, in (0, 1]; 1 keeps all.</param>
/// <param name="TopK">Keeps the k most probable tokens; 0 keeps all.</param>
/// <param name="MinP">Keeps tokens with p ≥ min_p · max p; in [0, 1].</param>
/// <param name="RepetitionPenalty">Divides positive and multiplies negative scores of tokens seen (CTRL); 1 is off; in (0, 10].</param>
/// <param name="Seed">Same seed, same request: same tokens. Null: drawn at random.</param>
/// <param name="PresencePenalty">Taken from the log-probability of each token that the completion has; −2..2, 0 is off.</param>
/// <param name="FrequencyPenalty">Taken from a token's log-probability for each time that the completion has it; −2..2, 0 is off.</param>
/// <param name="MinTokens">No token ends the text before the completion has so many, unless a grammar lets nothing else come.</param>
public sealed record SamplingOptions(double Temperature = 1, double TopP = 1, int TopK = 0, double MinP = 0, double RepetitionPenalty = 1,
    long? Seed = null, double PresencePenalty = 0, double FrequencyPenalty = 0, int MinTokens = 0)
{
    /// <summary>By token id, −100..100: added to its log-probability; at most 300.</summary>
    public IReadOnlyDictionary<int, double> LogitBias { get; init; } = ReadOnlyDictionary<int, double>.Empty;

    /// <summary>Tokens that end the text as end-of-sequence does, also where that is ignored; at most 64. Under a grammar they come only
    /// where the answer is whole.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];
}
