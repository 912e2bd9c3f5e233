namespace Btx.Trainer.Phases;

/// <summary>One row of <c>loss.csv</c>.</summary>
/// <param name="Step">Finished steps.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="Loss">Mean since the row before, nats per token.</param>
/// <param name="LearningRate">Of the last step.</param>
/// <param name="Seconds">Training time so far.</param>
/// <param name="BitsPerByte">Validation, where it was measured at this step.</param>
/// <param name="Balance">Mean over the layers of a mixture of E · Σ u p, 1 when even (what α weighs in the objective, which the loss
/// leaves out); null without load balancing.</param>
public sealed record LossPoint(long Step, long Tokens, double Loss, double LearningRate, double Seconds, double? BitsPerByte,
    double? Balance = null);
