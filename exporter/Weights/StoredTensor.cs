using Btx.Model.Tensors;

namespace Btx.Exporter.Weights;

/// <summary>A tensor of a file that is written for the server.</summary>
/// <param name="Fill">Writes its bytes.</param>
internal sealed record StoredTensor(string Name, TensorDtype Dtype, long[] Shape, Action<Span<byte>> Fill)
{
    /// <summary>Writes a safetensors file of them.</summary>
    public static void Write(string path, IReadOnlyList<StoredTensor> tensors, CancellationToken cancellation)
    {
        var byName = tensors.ToDictionary(t => t.Name);
        SafetensorsWriter.Write(path, [.. tensors.Select(t => (t.Name, t.Dtype, t.Shape))], (name, to) =>
        {
            cancellation.ThrowIfCancellationRequested();
            byName[name].Fill(to);
        });
    }
}
