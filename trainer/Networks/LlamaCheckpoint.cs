using Btx.Model.Moe;
using Btx.Model.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>Reads and writes a <see cref="LlamaModel"/> as a Hugging Face model directory: <c>config.json</c> and safetensors.</summary>
public static class LlamaCheckpoint
{
    /// <summary>Builds the network and copies the weights out of the memory-mapped files. Stored fp16 or bf16 becomes fp32.</summary>
    /// <param name="directory">Of a Llama or a Mixtral model; <c>btx.json</c> beside a Mixtral model names its soft layers.</param>
    /// <param name="expertsPerToken">k of a Mixtral model, 1..E; null: as its config says.</param>
    /// <param name="config">The network's configuration, of the same shapes; null: the directory's.</param>
    /// <exception cref="BtxException">No valid checkpoint, a router's weights are not finite, or k is out of range.</exception>
    public static LlamaModel Load(string directory, Device device, int? expertsPerToken = null, LlamaConfig? config = null)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var model = new LlamaModel(config ?? checkpoint.Config, device) { Source = directory };
        try
        {
            foreach (var (name, parameter) in model.NamedParameters) Read(checkpoint, name, parameter);
            if (model.Moe.Count > 0) Route(model, directory, expertsPerToken);
            else if (expertsPerToken is not null)
                throw new BtxException($"{directory}: is a dense model; experts per token are an option of BTX models");
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes <c>config.json</c> and the weights, as <c>torch_dtype</c> of the model's config says, into an existing or new
    /// directory. Each file is written whole; write into an <see cref="Btx.Model.Files.AtomicDirectory"/> to replace a checkpoint as a
    /// whole.</summary>
    /// <param name="shardBytes">Largest weight file; more go into numbered shards with an index.</param>
    /// <exception cref="BtxException">The disk is full or the directory cannot be written.</exception>
    public static void Save(LlamaModel model, string directory, long shardBytes = CheckpointWriter.ShardBytes)
    {
        var type = Torch(TensorDtypes.FromTorch(model.Config.TorchDtype));
        var byName = model.NamedParameters.ToDictionary(p => p.Name, p => p.Parameter);
        CheckpointWriter.Write(directory, model.Config, (name, bytes) =>
        {
            using var mode = no_grad();
            using var scope = NewDisposeScope();
            byName[name].detach().cpu().to(type).bytes.CopyTo(bytes);
        }, shardBytes);
    }

    private static void Route(LlamaModel model, string directory, int? expertsPerToken)
    {
        foreach (var (name, parameter) in model.NamedParameters)
        {
            using var scope = NewDisposeScope();
            if (name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal) && !parameter.detach().isfinite().all().item<bool>())
                throw new BtxException($"{directory}: tensor \"{name}\" holds NaN or an infinity; a router's weights must be finite: mix "
                    + "again, or restore the file");
        }

        foreach (var l in BtxManifest.Exists(directory) ? BtxManifest.Load(directory).Router.SoftLayers : [])
        {
            if (l >= model.Moe.Count)
                throw new BtxException($"{directory}/{BtxManifest.FileName}: soft layer {l} is beyond the {model.Moe.Count} layers");
            model.Moe[l].Soft = true;
        }

        foreach (var moe in model.Moe) moe.ExpertsPerToken = expertsPerToken ?? moe.ExpertsPerToken;
    }

    private static unsafe void Read(Checkpoint checkpoint, string name, Parameter parameter)
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var info = checkpoint.Info(name);
        var stored = empty([.. info.Shape], Torch(info.Dtype));
        new ReadOnlySpan<byte>(checkpoint.Pointer(name), stored.bytes.Length).CopyTo(stored.bytes);
        parameter.copy_(stored);
    }

    private static ScalarType Torch(TensorDtype type) =>
        type switch { TensorDtype.F16 => float16, TensorDtype.BF16 => bfloat16, _ => float32 };
}
