namespace Btx.Engine.Sessions;

/// <summary>Native memory of one model, in bytes.</summary>
/// <param name="Weights">Mapped from the checkpoint, or an average's own.</param>
/// <param name="KvCache">All slots.</param>
/// <param name="Sessions">Estimate: prepacked copies of the weights, inputs and logits.</param>
internal readonly record struct ModelMemory(long Weights, long KvCache, long Sessions)
{
    public long Total => Weights + KvCache + Sessions;
}
