namespace Btx.Model.Moe;

/// <summary>In which network the hidden states of a domain's text are read, by the names of <c>--states</c>.</summary>
public static class HiddenStateForm
{
    /// <summary>In the expert of the domain itself: a function of that expert and its text alone, so
    /// that another expert leaves no trace.</summary>
    public const string Own = "own";

    /// <summary>In the mixture, each token routed to the expert of its domain: averaged attention and
    /// embeddings, that expert's feed-forwards.</summary>
    public const string Mixed = "mixed";
}
