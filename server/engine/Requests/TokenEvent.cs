namespace Btx.Engine.Requests;

/// <summary>One step of a stream: a token, or only the end.</summary>
public sealed record TokenEvent
{
    /// <summary>Text that became certain with this token: whole UTF-8 characters, nothing that could be the start of a stop string. May be
    /// empty.</summary>
    public string Text { get; init; } = "";

    /// <summary>Null in an event that only ends the stream.</summary>
    public int? Token { get; init; }

    /// <summary>log p(token) under the mixture, before temperature and filters.</summary>
    public double LogProb { get; init; }

    /// <summary>The most probable tokens, if asked for.</summary>
    public IReadOnlyList<TokenAlternative> Top { get; init; } = [];

    /// <summary>w_j used for this token, length E (0 for inactive experts); null unless asked for, and in mode moe.</summary>
    public double[]? Posterior { get; init; }

    /// <summary>w_j·p_j(token) / Σ, length E: each expert's share in this token's probability; null unless asked for, and in mode
    /// moe.</summary>
    public double[]? Contribution { get; init; }

    /// <summary>Mode moe: how the position that this token was predicted from was routed; null unless asked for.</summary>
    public RouterGates? Gates { get; init; }

    public FinishReason Finish { get; init; }

    /// <summary>Why the request ended, in one line, where <see cref="Finish"/> alone does not say it.</summary>
    public string? Message { get; init; }

    /// <summary>The forest that the request began with, which may have changed since: index j of every per-expert array is its expert
    /// j.</summary>
    public ForestDescription? Forest { get; init; }

    /// <summary>With the last event.</summary>
    public Usage? Usage { get; init; }
}

/// <param name="LogProb">Natural logarithm of the mixture's probability, before sampling changes it.</param>
public readonly record struct TokenAlternative(int Token, double LogProb);

/// <param name="ExpertSteps">Forward rows per expert, index as in the description: what the request cost.</param>
/// <param name="RoutedTokens">Mode moe, [N]: tokens that each expert computed, prompt included, mean over layers; empty in other
/// modes.</param>
public sealed record Usage(int PromptTokens, int CompletionTokens, int[] ExpertSteps, TimeSpan TimeToFirstToken, TimeSpan Total,
    double[] RoutedTokens);
