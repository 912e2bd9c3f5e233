using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Btx.Model.Configuration;

namespace Btx.Model.Tensors;

/// <summary>Writes the weights and <c>config.json</c> of a Hugging Face model directory, in one file or in numbered shards with an
/// index.</summary>
public static class CheckpointWriter
{
    /// <summary>Largest weight file.</summary>
    public const long ShardBytes = 5L << 30;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Each file is written whole; write into an <see cref="AtomicDirectory"/> to replace a checkpoint as a whole.</summary>
    /// <param name="directory">Exists; the tokenizer's files there are left alone.</param>
    /// <param name="config">Names the tensors, their shapes and, by <c>torch_dtype</c>, their dtype.</param>
    /// <param name="fill">Gives each tensor once, in the config's order.</param>
    /// <param name="shardBytes">Largest weight file; a single larger tensor has one of its own.</param>
    /// <exception cref="BtxException">The disk is full or the directory cannot be written.</exception>
    public static void Write(string directory, LlamaConfig config, SafetensorsWriter.Fill fill, long shardBytes = ShardBytes)
    {
        var dtype = TensorDtypes.FromTorch(config.TorchDtype);
        var shards = new List<List<(string Name, TensorDtype Dtype, long[] Shape)>> { new() };
        long size = 0, total = 0;
        foreach (var (name, shape) in config.TensorShapes())
        {
            var bytes = shape.Aggregate((long)dtype.Size(), (a, b) => a * b);
            if (size > 0 && size + bytes > shardBytes)
            {
                shards.Add([]);
                size = 0;
            }

            shards[^1].Add((name, dtype, shape));
            size += bytes;
            total += bytes;
        }

        string File(int shard) => shards.Count == 1 ? CheckpointFiles.SingleFile
            : $"model-{shard + 1:00000}-of-{shards.Count:00000}.safetensors";
        for (var i = 0; i < shards.Count; i++) SafetensorsWriter.Write(Path.Combine(directory, File(i)), shards[i], fill);
        if (shards.Count > 1)
        {
            var map = shards.SelectMany((s, i) => s.Select(t => KeyValuePair.Create(t.Name, File(i))));
            var index = new { metadata = new { total_size = total }, weight_map = new OrderedDictionary<string, string>(map) };
            AtomicFile.Write(Path.Combine(directory, CheckpointFiles.IndexFile),
                stream => JsonSerializer.Serialize(stream, index, Indented));
        }

        config.Save(directory);
    }
}

/// <summary>Writes safetensors files whole (temporary file, fsync, rename). Data is fetched tensor by tensor, so a model need not be in
/// memory twice.</summary>
public static class SafetensorsWriter
{
    /// <summary>Fills <paramref name="destination"/> with a tensor's bytes, little-endian, in C order.</summary>
    public delegate void Fill(string name, Span<byte> destination);

    /// <param name="tensors">In the order of writing; the header pads to 8 bytes so that data is aligned.</param>
    /// <exception cref="BtxException">The disk is full or the path cannot be written; an old file stays intact.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, TensorDtype Dtype, long[] Shape)> tensors, Fill fill,
        IReadOnlyDictionary<string, string>? metadata = null) => AtomicFile.Write(path, stream =>
    {
        var header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var (name, dtype, shape) in tensors)
        {
            var bytes = Bytes(name, dtype, shape);
            if (bytes > Array.MaxLength)
                throw new BtxException($"{path}: tensor {name} has {bytes} bytes; a single tensor may have at most {Array.MaxLength}");
            var buffer = ArrayPool<byte>.Shared.Rent((int)bytes);
            try
            {
                fill(name, buffer.AsSpan(0, (int)bytes));
                stream.Write(buffer, 0, (int)bytes);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    });

    private static byte[] Header(IReadOnlyList<(string Name, TensorDtype Dtype, long[] Shape)> tensors,
        IReadOnlyDictionary<string, string>? metadata)
    {
        var about = new OrderedDictionary<string, string> { ["format"] = "pt" };
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) about.TryAdd(key, value);
        var header = new OrderedDictionary<string, object> { ["__metadata__"] = about };
        long at = 0;
        foreach (var (name, dtype, shape) in tensors)
            header.Add(name, new { dtype = dtype.ToString(), shape, data_offsets = new[] { at, at += Bytes(name, dtype, shape) } });
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        return [.. json, .. Enumerable.Repeat((byte)' ', (8 - (json.Length % 8)) % 8)];
    }

    private static long Bytes(string name, TensorDtype dtype, long[] shape) =>
        shape.Any(s => s < 0) ? throw new ArgumentException($"tensor {name} has a negative dimension", nameof(shape))
        : shape.Aggregate((long)dtype.Size(), (n, s) => checked(n * s));
}
