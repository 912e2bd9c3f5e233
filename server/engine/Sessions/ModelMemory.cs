namespace Btx.Engine.Sessions;

/// <summary>Native memory of one model or of some, in bytes. What is mapped or not touched yet need not be in physical memory.</summary>
/// <param name="Weights">Mapped from the checkpoint, or an average's own.</param>
/// <param name="KvCache">All slots.</param>
/// <param name="Sessions">Estimate: prepacked copies of the weights, inputs and logits.</param>
public readonly record struct ModelMemory(long Weights, long KvCache, long Sessions)
{
    /// <summary>Of all three.</summary>
    public long Total => Weights + KvCache + Sessions;

    /// <summary>Of two models.</summary>
    public static ModelMemory operator +(ModelMemory a, ModelMemory b) =>
        new(a.Weights + b.Weights, a.KvCache + b.KvCache, a.Sessions + b.Sessions);
}
