using System.Runtime.InteropServices;
using Btx.Exporter.Graphs;
using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Exporter.Sessions;

/// <summary>Key and value buffers of every layer, each [slots, kv_heads, positions, head_dim] in host memory.</summary>
internal sealed unsafe class KvSlots : IDisposable
{
    private readonly LlamaConfig config;
    private readonly int positions;
    private readonly GraphPrecision precision;
    private readonly nint[] buffers;

    public KvSlots(LlamaConfig config, int slots, int positions, GraphPrecision precision)
    {
        (this.config, this.positions, this.precision) = (config, positions, precision);
        buffers = new nint[2 * config.NumHiddenLayers];
        for (var i = 0; i < buffers.Length; i++)
        {
            var bytes = (nuint)(slots * SlotBytes);
            buffers[i] = (nint)NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Clear((void*)buffers[i], bytes);
        }
    }

    private long SlotBytes => (long)config.NumKeyValueHeads * positions * config.HeadDim * precision.Dtype().Size();

    /// <summary>A view of <paramref name="count"/> slots from <paramref name="first"/>, [count, kv_heads, positions, head_dim].</summary>
    public OrtValue View(int layer, bool key, int first, int count) => OrtValue.CreateTensorValueWithData(
        OrtMemoryInfo.DefaultInstance, BoundWeights.ElementType(precision.Dtype()),
        [count, config.NumKeyValueHeads, positions, config.HeadDim],
        buffers[(2 * layer) + (key ? 0 : 1)] + (nint)(first * SlotBytes), count * SlotBytes);

    public void Dispose()
    {
        foreach (var buffer in buffers) NativeMemory.AlignedFree((void*)buffer);
    }
}
