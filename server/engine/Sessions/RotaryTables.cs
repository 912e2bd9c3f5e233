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
        foreach (var (name, table) in RotaryEmbedding.Tables(config, half ? TensorDtype.F16 : TensorDtype.F32))
        {
            var buffer = new NativeBuffer(table.Length);
            table.CopyTo(buffer.Span<byte>(0, table.Length));
            buffers.Add(buffer);
            Tensors.Add((name, TensorViews.Cpu(buffer.Pointer, half ? TensorElementType.Float16 : TensorElementType.Float,
                config.MaxPositionEmbeddings, config.HeadDim / 2)));
        }
    }

    public List<(string Name, OrtValue Value)> Tensors { get; } = [];
}
