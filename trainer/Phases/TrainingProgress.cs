namespace Btx.Trainer.Phases;

/// <summary>Where a run stands.</summary>
/// <param name="Tokens">Tokens trained on so far.</param>
/// <param name="TotalTokens">Of the whole run.</param>
/// <param name="Resumed">Tokens done by earlier processes.</param>
/// <param name="Loss">Running mean, nats per token; NaN before the first step.</param>
/// <param name="BitsPerByte">Mean over the validation sources; null before the first validation.</param>
public readonly record struct TrainingProgress(long Tokens, long TotalTokens, long Resumed, double Loss, double? BitsPerByte)
{
    /// <summary>Over the text so far.</summary>
    public double Passes { get; init; }

    /// <summary>Of a mixture, see <see cref="LossPoint.Balance"/>.</summary>
    public double? Balance { get; init; }

    /// <summary>Of a mixture: the smallest share of the gates that an expert gets in any layer.</summary>
    public double? SmallestShare { get; init; }

    /// <summary>Loss, balance, validation and passes in a few words.</summary>
    public string Note =>
        (double.IsNaN(Loss) ? "" : $"loss {Loss:F3}")
        + (Balance is { } balance ? $", balance {balance:F3}" : "")
        + (SmallestShare is { } share ? $", smallest share {100 * share:F1} %" : "")
        + (BitsPerByte is { } bits ? $", validation {bits:F3} bits/byte" : "")
        + (Passes >= 0.05 ? $", pass {Passes:F1}" : "");
}
