namespace Btx.Trainer.Evaluation;

/// <summary>One run in the history of a model.</summary>
/// <param name="Sha256">Of the weights it made: a run that two experts descend from is the same run.</param>
/// <param name="Phase"><c>seed</c>, <c>expert</c>, <c>dense</c>, <c>finetune</c>.</param>
/// <param name="ActiveParameters">Parameters that took part in each token.</param>
public sealed record TrainedRun(string Sha256, string Phase, long Tokens, long ActiveParameters)
{
    /// <summary>2 for the forward pass and 4 for the backward pass, per parameter and token (arXiv 2001.08361, section 2.1);
    /// attention's own products are left out.</summary>
    public double Flops => 6.0 * ActiveParameters * Tokens;
}
