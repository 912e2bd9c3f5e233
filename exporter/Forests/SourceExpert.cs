using Btx.Model.Forests;
using Btx.Model.Tensors;

namespace Btx.Exporter.Forests;

/// <summary>An expert of the source forest, its checkpoint open. Owns the mapping.</summary>
internal sealed record SourceExpert(ExpertEntry Entry, Checkpoint Checkpoint) : IDisposable
{
    public void Dispose() => Checkpoint.Dispose();
}
