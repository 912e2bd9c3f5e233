namespace Btx.Engine.Sessions;

/// <summary>Sessions made beside a model's running ones, over the same weights and KV cache. Disposal
/// frees whichever of the two do not run.</summary>
internal interface IStagedSessions : IDisposable
{
    /// <summary>Lets the two change places. Between two runs; what the slots hold stays.</summary>
    void Install();
}
