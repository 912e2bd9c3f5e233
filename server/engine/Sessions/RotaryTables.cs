using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>The rotary tables of a model in memory, shared by all its sessions: those that the exporter writes beside the graphs could
/// change under them. Must outlive the sessions.</summary>
internal sealed unsafe class RotaryTables
{
    private readonly List<NativeBuffer> buffers = [];

    public RotaryTables(LlamaConfig config, bool half)
    {
        var dtype = half ? TensorDtype.F16 : TensorDtype.F32;
        foreach (var (name, parts) in RotaryEmbedding.Tables(config, dtype))
        {
            var buffer = new NativeBuffer(RotaryEmbedding.Bytes(config, dtype));
            var at = 0L;
            foreach (var part in parts)
            {
                part.CopyTo(buffer.Span<byte>(at, part.Length));
                at += part.Length;
            }

            buffers.Add(buffer);
            Tensors.Add((name, TensorViews.Cpu(buffer.Pointer, half ? TensorElementType.Float16 : TensorElementType.Float,
                config.MaxPositionEmbeddings, config.HeadDim / 2)));
        }
    }

    public List<(string Name, OrtValue Value)> Tensors { get; } = [];
}
