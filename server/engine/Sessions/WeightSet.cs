using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>A model's weights as tensors by their Hugging Face names: mapped, or written into memory of its own. Must outlive the
/// sessions.</summary>
internal sealed unsafe class WeightSet : IDisposable
{
    private const int Scratch = 1 << 16; // values that are written at a time

    private readonly IReadOnlyList<IDisposable> owners;
    private readonly List<(string Name, OrtValue Value)> tensors = [];

    private WeightSet(params IReadOnlyList<IDisposable> owners) => this.owners = owners;

    public IReadOnlyList<(string Name, OrtValue Value)> Tensors => tensors;

    public long Bytes { get; private set; }

    /// <summary>Binds a checkpoint's mapped memory. Takes ownership of it.</summary>
    public static WeightSet Map(Checkpoint checkpoint, TensorDtype dtype)
    {
        var set = new WeightSet(checkpoint);
        foreach (var (name, shape) in checkpoint.Config.TensorShapes())
        {
            var info = checkpoint.Info(name);
            if (info.Dtype != dtype)
            {
                set.Dispose();
                throw new BtxException($"{checkpoint.DirectoryPath}: tensor \"{name}\" is {info.Dtype}, the "
                    + $"served forest needs {dtype}; export again");
            }

            set.Add(name, checkpoint.Pointer(name), dtype, info.ElementCount, shape);
        }

        return set;
    }

    /// <summary>Binds every tensor of some files; of two with one name, the later. Takes ownership of the files.</summary>
    public static WeightSet Map(IReadOnlyList<SafetensorsFile> files)
    {
        var places = new Dictionary<string, (SafetensorsFile File, TensorInfo Info)>(StringComparer.Ordinal);
        foreach (var file in files)
            foreach (var info in file.Tensors.Values) places[info.Name] = (file, info);
        var set = new WeightSet(files);
        foreach (var (name, (file, info)) in places) set.Add(name, file.Pointer(info), info.Dtype, info.ElementCount, [.. info.Shape]);
        return set;
    }

    /// <summary>Allocates a dense model's weights and writes them in a served precision.</summary>
    /// <param name="bits">Of the matrices that are stored in blocks; null: none is.</param>
    /// <param name="read">Gives each tensor's values.</param>
    /// <param name="mapped">Its fp32 tensors that are not in blocks are bound where they are. Taken over, also if this throws.</param>
    public static WeightSet Write(LlamaConfig config, TensorDtype dtype, int? bits, Func<string, TensorReader> read,
        Checkpoint? mapped = null)
    {
        WeightSet? set = null;
        try
        {
            var blocks = bits is { } b ? BlockWeight.Of(config, b).ToList() : [];
            var whole = (bits is null ? config.TensorShapes() : BlockWeight.Whole(config)).ToList();
            var bound = whole.Where(t => mapped?.Info(t.Name).Dtype == dtype).ToHashSet();
            whole.RemoveAll(bound.Contains);
            var buffer = new NativeBuffer(blocks.Sum(t => Room(t.Layout.CodesBytes) + Room(4 * t.Layout.Outputs * t.Layout.Blocks))
                + whole.Sum(t => Room(Count(t.Shape) * dtype.Size())));
            set = new WeightSet(mapped is null ? [buffer] : [buffer, mapped]);
            var at = buffer.Pointer;
            foreach (var weight in blocks)
            {
                var (name, layout) = (weight.Name, weight.Layout);
                var codes = at;
                var scales = codes + Room(layout.CodesBytes);
                BlockQuantiser.Quantise(layout, weight.Reader(read), codes, (float*)scales);
                set.Add(BlockLayout.Codes(name), codes, TensorDtype.U8, layout.CodesBytes, layout.CodesShape);
                set.Add(BlockLayout.Scales(name), scales, TensorDtype.F32, layout.Outputs * layout.Blocks, layout.ScalesShape);
                at = scales + Room(4 * layout.Outputs * layout.Blocks);
            }

            var values = new float[Scratch]; // once: what is larger than 85 kB and lives briefly calls for full collections
            foreach (var (name, shape) in whole)
            {
                var (count, reader) = (Count(shape), read(name));
                for (long first = 0; first < count; first += Scratch)
                {
                    var some = values.AsSpan(0, (int)Math.Min(Scratch, count - first));
                    reader(first, some);
                    TensorDtypes.FromSingle(some, dtype, at + (first * dtype.Size()));
                }

                set.Add(name, at, dtype, count, shape);
                at += Room(count * dtype.Size());
            }

            foreach (var (name, shape) in bound) set.Add(name, mapped!.Pointer(name), dtype, Count(shape), shape);
            return set;
        }
        catch
        {
            if (set is null) mapped?.Dispose();
            else set.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var (_, value) in tensors) value.Dispose();
        tensors.Clear();
        foreach (var owner in owners) owner.Dispose();
    }

    private static long Count(long[] shape) => shape.Aggregate(1L, (n, d) => n * d);

    // In a buffer, from one cache line to another.
    private static long Room(long bytes) => (bytes + 63) / 64 * 64;

    private void Add(string name, void* pointer, TensorDtype dtype, long elements, long[] shape)
    {
        if (ElementTypeOf(dtype) is not { } type) return;
        tensors.Add((name, TensorViews.Cpu(pointer, type, shape)));
        Bytes += elements * dtype.Size();
    }

    // No graph reads a type that is not here: what was stored as bf16 was converted when it was exported.
    private static TensorElementType? ElementTypeOf(TensorDtype dtype) => dtype switch
    {
        TensorDtype.F32 => TensorElementType.Float,
        TensorDtype.F16 => TensorElementType.Float16,
        TensorDtype.U8 => TensorElementType.UInt8,
        TensorDtype.I8 => TensorElementType.Int8,
        TensorDtype.I32 => TensorElementType.Int32,
        TensorDtype.I64 => TensorElementType.Int64,
        _ => null,
    };
}

/// <summary>Opens weights for serving. What is mapped is a private copy: a mapped file that is cut ends the process, and one that is
/// written changes what is served under its recorded hash.</summary>
internal sealed class PrivateWeights(EngineOptions options)
{
    // The temporary directory where the served one cannot be written.
    private readonly string[] places = options.CopiesInMemory ? []
        : [Path.GetFullPath(options.Directory ?? options.Moe!), Path.GetTempPath()];

    /// <summary>An expert's directory; no file in it may be reached through a link.</summary>
    /// <param name="mustBe">Where the directory must really lie; null: wherever its path leads.</param>
    public Checkpoint Open(string directory, CancellationToken cancellation, string? mustBe = null)
    {
        using var folder = OpenFolder.At(Path.GetFullPath(directory));
        if (mustBe is not null && folder.RealPath != mustBe)
            throw new BtxException($"{directory}: leads elsewhere than when it was checked; add it again when nothing is moved there");
        return Checkpoint.Open(directory, file => SafetensorsFile.Open(options.Copies.Take(folder, file, places, cancellation)));
    }

    public SafetensorsFile OpenFile(string path, CancellationToken cancellation = default)
    {
        path = Path.GetFullPath(path);
        using var folder = OpenFolder.At(Path.GetDirectoryName(path)!);
        return SafetensorsFile.Open(options.Copies.Take(folder, path, places, cancellation));
    }

    /// <summary>SHA-256 (hex) of what is served, see <see cref="CheckpointFiles.Hash"/>.</summary>
    public static string Hash(Checkpoint checkpoint, CancellationToken cancellation) =>
        CheckpointFiles.HashCopies(checkpoint.Files.Select(f => f.Copy!), cancellation);
}
