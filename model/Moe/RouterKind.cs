namespace Btx.Model.Moe;

/// <summary>How a token's experts are chosen and weighted (arXiv 2403.07816, section 3.2), by the names that <c>btx.json</c> and the flags
/// use.</summary>
public static class RouterKind
{
    /// <summary>Softmax over the k largest logits.</summary>
    public const string TopK = "top2";

    /// <summary>The largest alone, with a bounded number of tokens per expert in training; at inference nothing is dropped (arXiv
    /// 2101.03961).</summary>
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

/// <summary>Where a fresh BTX model's router comes from, by the names that <c>--router-init</c> and <c>btx.json</c> use. Any other text
/// names a file.</summary>
public static class RouterInit
{
    /// <summary>Normal, see <see cref="RandomRouter"/>.</summary>
    public const string Random = "random";

    /// <summary>Mean hidden states of the domains, see <see cref="CentroidRouter"/>.</summary>
    public const string Centroid = "centroid";

    /// <summary>Least squares from hidden states to domains, see <see cref="RidgeRouter"/>.</summary>
    public const string Ridge = "ridge";

    /// <summary>What <c>btx.json</c> records for weights read from a file.</summary>
    public const string File = "file";

    /// <summary>Whether it is fitted to hidden states of the domains' text.</summary>
    public static bool NeedsText(string init) => init is Centroid or Ridge;

    /// <summary>Whether it names a file.</summary>
    public static bool IsFile(string init) => init is not (Random or Centroid or Ridge);
}

/// <summary>In which network the hidden states of a domain's text are read, by the names of <c>--states</c>.</summary>
public static class HiddenStateForm
{
    /// <summary>In the expert of the domain itself: a function of that expert and its text alone, so that another expert leaves no
    /// trace.</summary>
    public const string Own = "own";

    /// <summary>In the BTX model, each token routed to the expert of its domain: averaged attention and embeddings, that expert's
    /// feed-forwards.</summary>
    public const string Mixed = "mixed";
}
