using System.Runtime.InteropServices;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Peers;

/// <summary>Writes a forest of one dense model, so that it is exported and served as any other.</summary>
internal static class DenseForest
{
    private const string Expert = "dense";

    /// <summary>The dense counterpart of a BTX model at k experts a token: as many active parameters, random weights.</summary>
    public static LlamaConfig Like(string moe, int k, string forest)
    {
        var config = LlamaConfig.Load(moe);
        if (config.Moe is not { } m)
            throw new BtxException($"{Path.Combine(moe, LlamaConfig.FileName)}: no BTX model; name the directory of one");
        if (k < 1 || k > m.Experts) throw new BtxException($"--k {k}: {moe} has {m.Experts} experts; use 1..{m.Experts}");
        var dense = config with { Moe = null, IntermediateSize = k * config.IntermediateSize, TorchDtype = "float32" };
        Write(forest, directory =>
        {
            dense.Save(directory);
            TokenizerFiles.Copy(moe, directory);
            var random = new Random(1);
            var shapes = dense.TensorShapes().ToDictionary(t => t.Name, t => t.Shape);
            SafetensorsWriter.Write(Path.Combine(directory, CheckpointFiles.SingleFile),
                [.. shapes.Select(t => (t.Key, TensorDtype.F32, t.Value))], (name, to) => Fill(shapes[name], to, random));
        });
        return dense;
    }

    /// <summary>A dense model that was trained, say by <c>btx train dense</c>: its files are copied.</summary>
    public static LlamaConfig Of(string model, string forest)
    {
        using var checkpoint = Checkpoint.Open(model);
        var config = checkpoint.Config.RequireDense(model);
        Write(forest, directory =>
        {
            config.Save(directory);
            TokenizerFiles.Copy(model, directory);
            foreach (var file in Directory.GetFiles(model, "model*.safetensors*"))
                AtomicFile.CopyIfThere(file, Path.Combine(directory, Path.GetFileName(file)));
        });
        return config;
    }

    private static void Write(string forest, Action<string> write)
    {
        if (Directory.Exists(forest) && Directory.EnumerateFileSystemEntries(forest).Any())
            throw new BtxException($"--out {forest}: is not empty; name a new directory");
        var directory = Path.Combine(forest, "experts", Expert);
        Directory.CreateDirectory(directory);
        write(directory);
        new ForestManifest { Architecture = LlamaConfig.Load(directory).Fingerprint(), Tokenizer = TextTokenizer.Load(directory).Hash }
            .With(new ExpertEntry { Name = Expert, Domain = Expert, Path = $"experts/{Expert}", Sha256 = CheckpointFiles.Hash(directory) })
            .Save(forest);
    }

    // Variance 1/inputs for matrices and norms of 1: activations stay in the range of a trained model's.
    private static void Fill(long[] shape, Span<byte> to, Random random)
    {
        var scale = shape.Length == 1 ? 0 : MathF.Sqrt(3f / shape[1]);
        foreach (ref var v in MemoryMarshal.Cast<byte, float>(to)) v = scale == 0 ? 1 : scale * ((2 * random.NextSingle()) - 1);
    }
}
