using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>Reads and writes a <see cref="LlamaModel"/> as a Hugging Face model directory: <c>config.json</c> and safetensors.</summary>
public static class LlamaCheckpoint
{
    /// <summary>Builds the network without an initialisation and copies the weights out of the memory-mapped
    /// files. Stored fp16 or bf16 becomes fp32.</summary>
    /// <param name="directory">Of a Llama or a Mixtral model; <c>btx.json</c> beside a Mixtral model names its soft layers.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="expertsPerToken">k of a Mixtral model, 1..E; null: as its config says.</param>
    /// <param name="config">The network's configuration, of the same shapes; null: the directory's.</param>
    /// <exception cref="BtxException">The directory is no valid checkpoint, a router's weights
    /// are not finite, or k is out of range.</exception>
    public static LlamaModel Load(string directory, Device device, int? expertsPerToken = null, LlamaConfig? config = null)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var model = new LlamaModel(config ?? checkpoint.Config, device) { Source = directory };
        try
        {
            foreach (var (name, parameter) in model.NamedParameters) Read(checkpoint, name, parameter);
            if (model.Moe.Count > 0) Route(model, checkpoint, expertsPerToken);
            else if (expertsPerToken is not null)
                throw new BtxException($"{directory}: is a dense model; experts per token are an option of mixtures");
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes <c>config.json</c> and the weights, as <c>torch_dtype</c> of the model's config says, into an existing or new directory.
    /// Each file is written whole; write into an <see cref="AtomicDirectory"/> to replace a checkpoint as a whole.
    /// </summary>
    /// <param name="model">Its parameters are read, not changed.</param>
    /// <param name="directory">The tokenizer's files there are left alone.</param>
    /// <param name="shardBytes">Largest weight file; more go into numbered shards with an index.</param>
    /// <exception cref="BtxException">The disk is full or the directory cannot be written.</exception>
    public static void Save(LlamaModel model, string directory, long shardBytes = CheckpointWriter.ShardBytes)
    {
        var type = TensorDtypes.FromTorch(model.Config.TorchDtype);
        var byName = model.NamedParameters.ToDictionary(p => p.Name, p => p.Parameter);
        CheckpointWriter.Write(directory, model.Config, (name, bytes) => Write(byName[name], type, bytes), shardBytes);
    }

    private static void Route(LlamaModel model, Checkpoint checkpoint, int? expertsPerToken)
    {
        var directory = checkpoint.DirectoryPath;
        foreach (var (name,
            parameter) in model.NamedParameters.Where(p => p.Name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal)))
        {
            using var scope = NewDisposeScope();
            if (!parameter.detach().isfinite().all().item<bool>())
                throw new BtxException($"{directory}: tensor \"{name}\" holds NaN or an infinity; a router's weights must be finite: mix "
                    + "again, or restore the file");
        }

        var soft = BtxManifest.Exists(directory) ? BtxManifest.Load(directory).Router.SoftLayers : [];
        foreach (var l in soft)
        {
            if (l >= model.Moe.Count)
                throw new BtxException($"{Path.Combine(directory, BtxManifest.FileName)}: router: soft layer {l} is beyond the "
                    + $"{model.Moe.Count} layers");
            model.Moe[l].Soft = true;
        }

        foreach (var moe in model.Moe) moe.ExpertsPerToken = expertsPerToken ?? moe.ExpertsPerToken;
    }

    private static unsafe void Read(Checkpoint checkpoint, string name, Parameter parameter)
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var info = checkpoint.Info(name);
        var stored = empty([.. info.Shape], info.Dtype switch { TensorDtype.F16 => float16, TensorDtype.BF16 => bfloat16, _ => float32 });
        new ReadOnlySpan<byte>(checkpoint.Pointer(name), stored.bytes.Length).CopyTo(stored.bytes);
        parameter.copy_(stored);
    }

    private static void Write(Parameter parameter, TensorDtype type, Span<byte> bytes)
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var stored = parameter.detach().cpu().to(type switch { TensorDtype.F16 => float16, TensorDtype.BF16 => bfloat16, _ => float32 });
        stored.bytes.CopyTo(bytes);
    }
}
