using System.Runtime.InteropServices;

namespace Btx.Exporter;

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

    /// <summary>Codes and scales of a weight.</summary>
    /// <param name="read">The weight's values.</param>
    public static unsafe IEnumerable<StoredTensor> Blocks(string name, BlockLayout layout, TensorReader read)
    {
        // The codes are written first and the scales next: one pass serves both, and its result is let go.
        float[] scales = [];
        return
        [
            new(BlockLayout.Codes(name), TensorDtype.U8, layout.CodesShape, to =>
            {
                scales = new float[layout.Outputs * layout.Blocks];
                fixed (byte* codes = to)
                fixed (float* steps = scales)
                    BlockQuantiser.Quantise(layout, read, codes, steps);
            }),
            new(BlockLayout.Scales(name), TensorDtype.F32, layout.ScalesShape, to =>
            {
                MemoryMarshal.AsBytes(scales.AsSpan()).CopyTo(to);
                scales = [];
            }),
        ];
    }

    /// <summary>All tensors of a dense model as graphs with blocks read them.</summary>
    public static IEnumerable<StoredTensor> OfBlocks(Checkpoint checkpoint, int bits) =>
        BlockWeight.Of(checkpoint.Config, bits).SelectMany(w => Blocks(w.Name, w.Layout, w.Reader(checkpoint.Reader)))
            .Concat(BlockWeight.Whole(checkpoint.Config).Select(t => new StoredTensor(t.Name, TensorDtype.F32, t.Shape,
                to => WeightDirectory.Fill(checkpoint, t.Name, TensorDtype.F32, to))));

    /// <summary>A weight from codes and scales; null: it is not stored so.</summary>
    public static unsafe float[]? FromBlocks(IEnumerable<SafetensorsFile> files, string name, Func<BlockLayout> layout)
    {
        if (files.FirstOrDefault(f => f.Tensors.ContainsKey(BlockLayout.Codes(name))) is not { } file) return null;
        var (codes, scales) = (file[BlockLayout.Codes(name)], file[BlockLayout.Scales(name)]);
        return BlockQuantiser.Dequantise(layout(), file.Pointer(codes), (float*)file.Pointer(scales));
    }
}

/// <summary>A dense model in blocks, in a file that is deleted on disposal: what the server makes when it loads.</summary>
internal sealed class BlockFile : IDisposable
{
    private readonly string path;

    public BlockFile(Checkpoint checkpoint, int bits, string directory, CancellationToken cancellation)
    {
        path = Path.Combine(directory, $"check-{bits}.safetensors");
        StoredTensor.Write(path, [.. StoredTensor.OfBlocks(checkpoint, bits)], cancellation);
        File = SafetensorsFile.Open(path);
        var places = new Dictionary<string, (BlockWeight Weight, long From, long Rows)>(StringComparer.Ordinal);
        foreach (var weight in BlockWeight.Of(checkpoint.Config, bits))
        {
            var from = 0L;
            foreach (var (tensor, rows) in weight.Sources)
            {
                // A tied output layer is no part of the embedding that it is made of.
                places[weight.Sources.Count == 1 ? weight.Name : tensor] = (weight, from, rows);
                from += rows;
            }
        }

        Read = name =>
        {
            if (!places.TryGetValue(name, out var at)) return PlainLlama.Reader(checkpoint)(name);
            var layout = at.Weight.Layout;
            var all = StoredTensor.FromBlocks([File], at.Weight.Name, () => layout)!;
            return all[checked((int)(at.From * layout.Inputs))..checked((int)((at.From + at.Rows) * layout.Inputs))];
        };
    }

    public SafetensorsFile File { get; }

    /// <summary>A weight as the codes say.</summary>
    public Func<string, float[]> Read { get; }

    public void Dispose()
    {
        File.Dispose();
        System.IO.File.Delete(path);
    }
}
