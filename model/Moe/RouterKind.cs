namespace Btx.Model.Moe;

/// <summary>How a token's experts are chosen and weighted (arXiv 2403.07816, section 3.2), by the names
/// that <c>btx.json</c> and the flags use.</summary>
public static class RouterKind
{
    /// <summary>Softmax over the k largest logits.</summary>
    public const string TopK = "top2";

    /// <summary>The largest alone, with a bounded number of tokens per expert in training; at inference
    /// nothing is dropped (arXiv 2101.03961).</summary>
    public const string Switch = "switch";

    /// <summary>A Gumbel-softmax sample in training, the largest at inference; the first layer stays soft.</summary>
    public const string SampleTop1 = "sample_top1";

    /// <summary>Softmax over all experts.</summary>
    public const string Soft = "soft";

    public static IReadOnlyList<string> Names { get; } = [TopK, Switch, SampleTop1, Soft];

    /// <summary>How many experts a token runs at inference, unless a request asks otherwise.</summary>
    /// <param name="kind">One of <see cref="Names"/>.</param>
    /// <param name="k">For <see cref="TopK"/>.</param>
    /// <param name="experts">N.</param>
    public static int ExpertsPerToken(string kind, int k, int experts) => kind switch
    {
        TopK => k,
        Soft => experts,
        _ => 1,
    };
}
