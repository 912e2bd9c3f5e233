using Btx.Cli;
using Btx.Model.Configuration;
using Btx.Model.Moe;

namespace Btx.Trainer.Evaluation;

/// <summary>What it took to train the model, or the models, behind one row, and what each token costs it.</summary>
/// <param name="Runs">Every run behind it, once.</param>
/// <param name="Complete">False where a record is missing: then the figures are lower bounds.</param>
/// <param name="ActiveParameters">Parameters that multiply for a predicted token; null where it varies.</param>
public sealed record TrainingCompute(IReadOnlyCollection<TrainedRun> Runs, bool Complete, long? ActiveParameters)
{
    public long Tokens => Runs.Sum(r => r.Tokens);

    public double Flops => Runs.Sum(r => r.Flops);

    /// <summary>Tokens by phase, in the order of training.</summary>
    public string Phases => string.Join(" + ", Runs.GroupBy(r => r.Phase)
        .Select(g => $"{Quantity.Short(g.Sum(r => r.Tokens))} {g.Key}{(g.Count() > 1 ? $" ({g.Count()})" : "")}"));
}

/// <summary>One run in the history of a model.</summary>
/// <param name="Sha256">Of the weights it made: a run that two experts descend from is the same run.</param>
/// <param name="Phase"><c>seed</c>, <c>expert</c>, <c>dense</c>, <c>finetune</c>.</param>
/// <param name="ActiveParameters">Parameters that took part in each token.</param>
public sealed record TrainedRun(string Sha256, string Phase, long Tokens, long ActiveParameters)
{
    /// <summary>2 for the forward pass and 4 for the backward pass, per parameter and token (arXiv 2001.08361, section 2.1);
    /// attention's own products are left out.</summary>
    public double Flops => 6.0 * ActiveParameters * Tokens;
}

/// <summary>How many parameters multiply for one token: all but an untied input embedding, which is only looked up,
/// and the experts that are not chosen.</summary>
public static class ActiveParameters
{
    /// <param name="k">Experts per token; null: the config's own.</param>
    /// <param name="softLayers">Layers in which every expert runs.</param>
    public static long Of(LlamaConfig config, int? k = null, IReadOnlyList<int>? softLayers = null)
    {
        var multiplied = config.ParameterCount - (config.TieWordEmbeddings ? 0 : (long)config.VocabSize * config.HiddenSize);
        if (config.Moe is not { } m) return multiplied;
        var routed = config.NumHiddenLayers - (softLayers?.Count ?? 0);
        return multiplied - ((long)routed * (m.Experts - (k ?? m.ExpertsPerToken)) * 3 * config.HiddenSize * config.IntermediateSize);
    }

    /// <summary>Of a model directory, Llama or Mixtral.</summary>
    public static long Of(string directory, int? k = null)
    {
        var config = LlamaConfig.Load(directory);
        return Of(config, k,
            config.Moe is not null && BtxManifest.Exists(directory) ? BtxManifest.Load(directory).Router.SoftLayers : null);
    }
}
