namespace Btx.Trainer.Optimisation;

/// <summary>AdamW (Loshchilov and Hutter 2019). Weight decay applies to matrices, not to norms.</summary>
public sealed record AdamWSettings
{
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.98;
    public double Epsilon { get; init; } = 1e-8;
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Largest norm of the whole gradient; 0: no clipping.</summary>
    public double ClipNorm { get; init; } = 1;
}
