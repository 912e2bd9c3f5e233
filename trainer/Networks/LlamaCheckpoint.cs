using System.Runtime.InteropServices;
using TorchSharp;
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
            Fill(model, checkpoint.CopyTo);
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
        var type = TensorDtypes.FromTorch(model.Config.TorchDtype) switch
        {
            TensorDtype.F16 => float16,
            TensorDtype.BF16 => bfloat16,
            _ => float32,
        };
        CheckpointWriter.Write(directory, model.Config, Writer(model, type), shardBytes);
    }

    /// <summary>Gives a file each parameter's elements, by its name, in a dtype.</summary>
    internal static SafetensorsWriter.Fill Writer(LlamaModel model, ScalarType type) => (name, bytes) =>
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        model.NamedParameters.First(p => p.Name == name).Parameter.detach().cpu().to(type).bytes.CopyTo(bytes);
    };

    /// <summary>Fills parameters with what <paramref name="read"/> puts, given a name, into room for the elements, as fp32.</summary>
    /// <param name="only">Which, by name; null: all.</param>
    internal static void Fill(LlamaModel model, Action<string, Span<float>> read, Func<string, bool>? only = null)
    {
        using var mode = no_grad();
        foreach (var (name, parameter) in model.NamedParameters.Where(p => only?.Invoke(p.Name) != false))
        {
            using var scope = NewDisposeScope();
            var values = empty(parameter.shape, float32);
            read(name, MemoryMarshal.Cast<byte, float>(values.bytes));
            parameter.copy_(values);
        }
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
}
