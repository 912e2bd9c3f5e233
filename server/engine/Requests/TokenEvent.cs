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

public enum FinishReason
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>End-of-sequence token or stop string.</summary>
    Stop,

    /// <summary>max_tokens or the context's end.</summary>
    Length,

    /// <summary>By the client, or by the end of the engine.</summary>
    Cancelled,

    /// <summary>An error inside the engine, which the stream or the task ends with.</summary>
    Failed,

    /// <summary>What it asked for by name was removed from the forest; the last event says what.</summary>
    Removed,

    /// <summary>It used an expert that was removed under the policy <see cref="InFlightPolicy.Abort"/>.</summary>
    Aborted,
}

/// <summary>How a BTX model routed one position: the gate of each expert in each layer.</summary>
/// <param name="Values">[L, N], layer by layer; each layer sums to 1, 0 for experts that did not run.</param>
public sealed record RouterGates(int Experts, float[] Values)
{
    public int Layers => Values.Length / Experts;

    /// <summary>Mean gate over layers, summed over the experts of each domain; in the order of <see cref="MoeDescription.DomainNames"/>,
    /// sums to 1.</summary>
    public double[] ByDomain(MoeDescription moe)
    {
        var shares = new double[moe.DomainNames.Count];
        for (var d = 0; d < shares.Length; d++)
        {
            for (var e = 0; e < Experts; e++)
                if (moe.Domains[e] == moe.DomainNames[d]) shares[d] += Mean(e);
        }

        return shares;
    }

    public double Mean(int expert)
    {
        var sum = 0.0;
        for (var i = expert; i < Values.Length; i += Experts) sum += Values[i];
        return sum / Layers;
    }
}
