namespace Btx.Trainer.Phases;

/// <summary>Where a run stands.</summary>
/// <param name="Tokens">Tokens trained on so far.</param>
/// <param name="TotalTokens">Of the whole run.</param>
/// <param name="Resumed">Tokens done by earlier processes.</param>
/// <param name="Loss">Running mean, nats per token; NaN before the first step.</param>
/// <param name="BitsPerByte">Mean over the validation sources; null before the first validation.</param>
public readonly record struct TrainingProgress(long Tokens, long TotalTokens, long Resumed, double Loss, double? BitsPerByte)
{
    /// <summary>Loss and validation in a few words.</summary>
    public string Note => BitsPerByte is { } bits ? $"loss {Loss:F3}, validation {bits:F3} bits/byte" : double.IsNaN(Loss) ? "" : $"loss {Loss:F3}";
}
