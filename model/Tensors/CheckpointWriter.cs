using System.Buffers.Binary;
using System.Text.Json;
using Btx.Model.Configuration;
using Btx.Model.Files;

namespace Btx.Model.Tensors;

/// <summary>Writes the weights and <c>config.json</c> of a Hugging Face model directory, in one file or in numbered shards with an
/// index.</summary>
public static class CheckpointWriter
{
    /// <summary>Largest weight file.</summary>
    public const long ShardBytes = 5L << 30;

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
            WriteIndex(Path.Combine(directory, CheckpointFiles.IndexFile), total,
                shards.SelectMany((s, i) => s.Select(t => (t.Name, File(i)))));
        config.Save(directory);
    }

    private static void WriteIndex(string path, long total, IEnumerable<(string Tensor, string File)> map) =>
        AtomicFile.Write(path, stream =>
        {
            using var w = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            w.WriteStartObject();
            w.WriteStartObject("metadata");
            w.WriteNumber("total_size", total);
            w.WriteEndObject();
            w.WriteStartObject("weight_map");
            foreach (var (tensor, file) in map) w.WriteString(tensor, file);
            w.WriteEndObject();
            w.WriteEndObject();
        });
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
        IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream =>
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
                var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent((int)bytes);
                try
                {
                    fill(name, buffer.AsSpan(0, (int)bytes));
                    stream.Write(buffer, 0, (int)bytes);
                }
                finally
                {
                    System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        });

    private static byte[] Header(IReadOnlyList<(string Name, TensorDtype Dtype, long[] Shape)> tensors,
        IReadOnlyDictionary<string, string>? metadata)
    {
        using var memory = new MemoryStream();
        using (var w = new Utf8JsonWriter(memory))
        {
            w.WriteStartObject();
            w.WriteStartObject("__metadata__");
            w.WriteString("format", "pt");
            foreach (var (k, v) in metadata ?? new Dictionary<string, string>())
            {
                if (k != "format") w.WriteString(k, v);
            }

            w.WriteEndObject();
            long at = 0;
            foreach (var (name, dtype, shape) in tensors)
            {
                w.WriteStartObject(name);
                w.WriteString("dtype", dtype.ToString());
                w.WriteStartArray("shape");
                foreach (var s in shape) w.WriteNumberValue(s);
                w.WriteEndArray();
                w.WriteStartArray("data_offsets");
                w.WriteNumberValue(at);
                at += Bytes(name, dtype, shape);
                w.WriteNumberValue(at);
                w.WriteEndArray();
                w.WriteEndObject();
            }

            w.WriteEndObject();
        }

        while (memory.Length % 8 != 0) memory.WriteByte((byte)' ');
        return memory.ToArray();
    }

    private static long Bytes(string name, TensorDtype dtype, long[] shape)
    {
        long n = dtype.Size();
        foreach (var s in shape)
        {
            if (s < 0) throw new ArgumentException($"tensor {name} has a negative dimension {s}", nameof(shape));
            n = checked(n * s);
        }

        return n;
    }
}
