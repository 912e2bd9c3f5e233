using Btx.Model.Configuration;

namespace Btx.Model.Tensors;

/// <summary>A Hugging Face Llama directory opened for reading: <c>config.json</c> and the memory-mapped weights, in one
/// <c>model.safetensors</c> or in shards listed by <c>model.safetensors.index.json</c>. Owns the mappings.</summary>
public sealed unsafe class Checkpoint : IDisposable
{
    private const string OutputLayer = "lm_head.weight", Embedding = "model.embed_tokens.weight";

    private readonly List<SafetensorsFile> files;
    private readonly Dictionary<string, SafetensorsFile> owner;

    private Checkpoint(string directory, LlamaConfig config, List<SafetensorsFile> files, Dictionary<string, SafetensorsFile> owner) =>
        (DirectoryPath, Config, this.files, this.owner) = (directory, config, files, owner);

    /// <summary>Absolute path of the model directory.</summary>
    public string DirectoryPath { get; }

    public LlamaConfig Config { get; }

    public IReadOnlyList<SafetensorsFile> Files => files;

    /// <summary>Opens a directory and checks that every tensor the config calls for is there with its shape, and nothing else.</summary>
    /// <exception cref="BtxException">A file is missing or malformed, or a tensor is missing, surplus or of another shape.</exception>
    public static Checkpoint Open(string directory) => Open(directory, SafetensorsFile.Open);

    /// <param name="open">Opens a weight file by its absolute path.</param>
    public static Checkpoint Open(string directory, Func<string, SafetensorsFile> open)
    {
        directory = Path.GetFullPath(directory);
        if (!Directory.Exists(directory)) throw new BtxException($"{directory}: no such model directory");
        var config = LlamaConfig.Load(directory);
        var files = new List<SafetensorsFile>();
        try
        {
            foreach (var file in CheckpointFiles.Weights(directory)) files.Add(open(file));
            var owner = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
            foreach (var file in files)
                foreach (var name in file.Tensors.Keys)
                    if (!owner.TryAdd(name, file)) throw new BtxException($"{file.Path}: tensor \"{name}\" is also in {owner[name].Path}");

            var checkpoint = new Checkpoint(directory, config, files, owner);
            checkpoint.CheckTensors();
            return checkpoint;
        }
        catch
        {
            foreach (var file in files) file.Dispose();
            throw;
        }
    }

    /// <summary>Shape, dtype and place of a tensor.</summary>
    public TensorInfo Info(string name) => FileOf(name)[name];

    /// <summary>First byte of a tensor in the mapped file, dtype <c>Info(name).Dtype</c>; valid until disposal.</summary>
    public byte* Pointer(string name)
    {
        var file = FileOf(name);
        return file.Pointer(file[name]);
    }

    /// <summary>Reads parts of a tensor as fp32.</summary>
    public TensorReader Reader(string name)
    {
        var (dtype, start) = (Info(name).Dtype, (nint)Pointer(name));
        return (first, values) => TensorDtypes.ToSingle(dtype, (byte*)start + (first * dtype.Size()), values);
    }

    /// <summary>Copies a tensor as fp32.</summary>
    public void CopyTo(string name, Span<float> destination)
    {
        var file = FileOf(name);
        file.CopyTo(file[name], destination);
    }

    /// <summary>Throws if a weight is NaN or infinite; names the tensor.</summary>
    public void CheckFinite(CancellationToken cancellation = default)
    {
        var values = new float[1 << 14]; // a tensor as a whole would be garbage of its size
        foreach (var (name, _) in Config.TensorShapes())
        {
            var info = Info(name);
            for (long at = 0; at < info.ElementCount; at += values.Length)
            {
                cancellation.ThrowIfCancellationRequested();
                var some = values.AsSpan(0, (int)Math.Min(values.Length, info.ElementCount - at));
                TensorDtypes.ToSingle(info.Dtype, Pointer(name) + (at * info.Dtype.Size()), some);
                foreach (var v in some)
                    if (!float.IsFinite(v))
                        throw new BtxException($"{FileOf(name).Path}: tensor \"{name}\" holds {v}; weights must be finite");
            }
        }
    }

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }

    private SafetensorsFile FileOf(string name) =>
        owner.TryGetValue(name, out var file) ? file : throw new BtxException($"{DirectoryPath}: has no tensor \"{name}\"");

    private void CheckTensors()
    {
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, shape) in Config.TensorShapes())
        {
            expected.Add(name);
            if (!owner.TryGetValue(name, out var file))
                throw new BtxException($"{DirectoryPath}: tensor \"{name}\" is missing; config.json calls for it");
            var info = file[name];
            if (!info.Shape.SequenceEqual(shape))
                throw new BtxException($"{file.Path}: tensor \"{name}\" has shape [{string.Join(", ", info.Shape)}]; config.json calls "
                    + $"for [{string.Join(", ", shape)}]");
            if (info.Dtype is not (TensorDtype.F32 or TensorDtype.F16 or TensorDtype.BF16))
                throw new BtxException($"{file.Path}: tensor \"{name}\" is {info.Dtype}; expected F32, F16 or BF16");
        }

        foreach (var (name, file) in owner)
        {
            // Some exporters store the tied output layer and the rotary buffers as well; both are redundant.
            var redundant = name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
                || (name == OutputLayer && Config.TieWordEmbeddings);
            if (!expected.Contains(name) && !redundant)
                throw new BtxException($"{file.Path}: tensor \"{name}\" is not part of this architecture");
        }

        if (Config.TieWordEmbeddings && owner.TryGetValue(OutputLayer, out var stored) && !IsCopy(stored[OutputLayer], stored))
            throw new BtxException($"{stored.Path}: tensor \"{OutputLayer}\" is not equal to \"{Embedding}\", though config.json has "
                + "tie_word_embeddings: true; set it to false if the model was trained untied, or take the tensor out");
    }

    // Only an output layer of its own would be lost by reading the embedding in its place.
    private bool IsCopy(TensorInfo stored, SafetensorsFile file)
    {
        var tied = Info(Embedding);
        if (stored.Dtype != tied.Dtype || !stored.Shape.SequenceEqual(tied.Shape)) return false;
        const int Block = 1 << 24;
        for (long at = 0; at < tied.Length; at += Block)
        {
            var length = (int)Math.Min(Block, tied.Length - at);
            if (!new ReadOnlySpan<byte>(Pointer(Embedding) + at,
                length).SequenceEqual(new ReadOnlySpan<byte>(file.Pointer(stored) + at, length)))
                return false;
        }

        return true;
    }
}
