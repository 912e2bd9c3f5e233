namespace Btx.Engine.Requests;

/// <summary>One step of a stream: a token, or only the end.</summary>
/// <param name="Text">What became certain: whole characters, nothing that could begin a stop string. May be empty.</param>
/// <param name="Token">Null in an event that only ends the stream.</param>
/// <param name="LogProb">log p(token) under the mixture, before temperature and filters.</param>
/// <param name="Posterior">w_j used for this token, length E (0 for inactive experts); null unless asked for, and in mode moe.</param>
/// <param name="Contribution">w_j·p_j(token) / Σ, length E: each expert's share in the token; null as above.</param>
/// <param name="Gates">Mode moe: how the position that this token was predicted from was routed; null unless asked for.</param>
/// <param name="Message">Why the request ended, in one line, where <paramref name="Finish"/> alone does not say it.</param>
/// <param name="Forest">The forest that the request began with: index j of every per-expert array is its expert j.</param>
/// <param name="Usage">With the last event.</param>
public sealed record TokenEvent(string Text = "", int? Token = null, double LogProb = 0, double[]? Posterior = null,
    double[]? Contribution = null, RouterGates? Gates = null, FinishReason Finish = FinishReason.None, string? Message = null,
    ForestDescription? Forest = null, Usage? Usage = null)
{
    /// <summary>The most probable tokens, if asked for.</summary>
    public IReadOnlyList<TokenAlternative> Top { get; init; } = [];

    /// <summary>With the last event: the stop string that ended the text; null: none did.</summary>
    public string? StoppedBy { get; init; }
}

/// <param name="LogProb">Natural logarithm of the mixture's probability, before sampling changes it.</param>
public readonly record struct TokenAlternative(int Token, double LogProb);

/// <param name="ExpertSteps">Forward rows per expert, index as in the description: what the request cost.</param>
/// <param name="RoutedTokens">Mode moe, [N]: tokens that each expert computed, prompt included, mean over layers; else empty.</param>
public sealed record Usage(int PromptTokens, int CompletionTokens, int[] ExpertSteps, TimeSpan TimeToFirstToken, TimeSpan Total,
    double[] RoutedTokens);

public enum FinishReason
{
    None, // it goes on
    Stop, // end-of-sequence token or stop string
    Length, // max_tokens or the context's end
    Cancelled, // by the client, or by the end of the engine
    Failed, // an error inside the engine, which the stream or the task ends with
    Removed, // what it asked for by name was removed from the forest; the last event says what
    Aborted, // it used an expert that was removed under the policy of the same name
}

/// <summary>How a BTX model routed one position: the gate of each expert in each layer.</summary>
/// <param name="Values">[L, N], layer by layer; each layer sums to 1, 0 for experts that did not run.</param>
public sealed record RouterGates(int Experts, float[] Values)
{
    public int Layers => Values.Length / Experts;

    /// <summary>Mean gate over layers, summed over the experts of each of <see cref="MoeDescription.DomainNames"/>.</summary>
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
