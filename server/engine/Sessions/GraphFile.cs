using System.Security.Cryptography;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>A graph in memory: sessions are made of it long after it was checked, whatever became of its file.</summary>
/// <param name="Path">Named in errors. Files beside it must be there when a session is made; nothing is read of them.</param>
internal sealed record GraphFile(ServedGraph Graph, string Path, byte[] Model, RotaryTables Rotary)
{
    private const long MaxBytes = 1L << 30; // weights are no part of it

    public static IReadOnlyList<GraphFile> Read(string directory, IReadOnlyList<ServedGraph> graphs, LlamaConfig config, string precision,
        bool verify)
    {
        var rotary = new RotaryTables(config, precision == "fp16");
        return [.. graphs.Select(graph =>
        {
            var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(directory, graph.File));
            var model = BoundedFile.Read(path, MaxBytes);
            return !verify || Convert.ToHexStringLower(SHA256.HashData(model)) == graph.Sha256
                ? new GraphFile(graph, path, model, rotary)
                : throw new BtxException($"{path}: the graph is not the one that was exported (SHA-256 differs); export again");
        })];
    }
}

/// <summary>A model's rotary tables in memory, for its sessions, which they outlive: files beside the graphs could change.</summary>
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
