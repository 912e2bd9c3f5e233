namespace Btx.Model.Mixing;

/// <summary>When the active set of <c>top_k</c> and <c>top_p</c> is chosen.</summary>
public enum SelectForm
{
    /// <summary>Once, from the posterior after the prompt (generation's form).</summary>
    Prompt,

    /// <summary>Anew for each token from the posterior so far (the papers' form, scoring only: every expert scores the text).</summary>
    PerToken,
}
