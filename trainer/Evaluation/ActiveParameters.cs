using Btx.Model.Configuration;
using Btx.Model.Mixtures;

namespace Btx.Trainer.Evaluation;

/// <summary>How many parameters multiply for one token: all but an untied input embedding, which is only looked up,
/// and the experts that are not chosen.</summary>
public static class ActiveParameters
{
    /// <param name="k">Experts per token; null: the config's own.</param>
    /// <param name="softLayers">Layers in which every expert runs.</param>
    public static long Of(LlamaConfig config, int? k = null, IReadOnlyList<int>? softLayers = null)
    {
        var multiplied = config.ParameterCount - (config.TieWordEmbeddings ? 0 : (long)config.VocabSize * config.HiddenSize);
        if (config.Mixture is not { } m) return multiplied;
        var routed = config.NumHiddenLayers - (softLayers?.Count ?? 0);
        return multiplied - ((long)routed * (m.Experts - (k ?? m.ExpertsPerToken)) * 3 * config.HiddenSize * config.IntermediateSize);
    }

    /// <summary>Of a model directory, Llama or Mixtral.</summary>
    public static long Of(string directory, int? k = null)
    {
        var config = LlamaConfig.Load(directory);
        return Of(config, k,
            config.Mixture is not null && BtxManifest.Exists(directory) ? BtxManifest.Load(directory).Router.SoftLayers : null);
    }
}
