using Btx.Exporter.Graphs;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Exporter.Sources;

/// <summary>The Mixtral directory to export, opened and checked. Owns the mapping.</summary>
internal sealed class SourceMoe : IDisposable
{
    private SourceMoe(Checkpoint checkpoint, BtxManifest manifest) => (Checkpoint, Manifest) = (checkpoint, manifest);

    public Checkpoint Checkpoint { get; }

    /// <summary>What <c>btx.json</c> says, or what stands for it.</summary>
    public BtxManifest Manifest { get; }

    public LlamaConfig Config => Checkpoint.Config;

    public MoeConfig Moe => Checkpoint.Config.Moe!;

    /// <exception cref="BtxException">No Mixtral directory, or <c>btx.json</c> is of another model.</exception>
    public static SourceMoe Open(string directory)
    {
        directory = Path.GetFullPath(directory);
        var config = LlamaConfig.Load(directory);
        if (config.Moe is null)
            throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: model_type is llama; --btx takes "
                + "a mixtral model, `btx train mix` makes one");
        LlamaGraph.CheckHeadDim(config);
        var checkpoint = Checkpoint.Open(directory);
        try
        {
            var tokenizer = TextTokenizer.Load(directory);
            config.RequireTokens(tokenizer.VocabSize, directory);
            return new SourceMoe(checkpoint, BtxManifest.Of(directory, config, tokenizer.Hash, CheckpointFiles.Hash(directory)));
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public void Dispose() => Checkpoint.Dispose();
}

/// <summary>How a graph runs the experts.</summary>
public enum MoeForm
{
    /// <summary>Plain operators, k an input: <see cref="Graphs.RoutedExperts"/>.</summary>
    Gathered,

    /// <summary><c>com.microsoft.MoE</c>, one graph for each k: <see cref="Graphs.FusedExperts"/>.</summary>
    Fused,
}
