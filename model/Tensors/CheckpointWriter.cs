using System.Text.Json;
using Btx.Model.Configuration;
using Btx.Model.Files;

namespace Btx.Model.Tensors;

/// <summary>Writes the weights and <c>config.json</c> of a Hugging Face model directory, in one file
/// or in numbered shards with an index.</summary>
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
