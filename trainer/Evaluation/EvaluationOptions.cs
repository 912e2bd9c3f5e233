using Btx.Model.Mixing;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>What to evaluate, and how.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Directory with <c>forest.json</c>.</summary>
    public required string Forest { get; init; }

    public required string Corpus { get; init; }

    /// <summary>Directory of the seed model; null leaves it out.</summary>
    public string? SeedModel { get; init; }

    /// <summary>Directory of the dense baseline; null leaves it out.</summary>
    public string? Dense { get; init; }

    /// <summary>Models to measure beside the forest.</summary>
    public IReadOnlyList<ComparedModel> Models { get; init; } = [];

    /// <summary>Directory of the BTX model: a Mixtral directory; null leaves it out.</summary>
    public string? Btx { get; init; }

    /// <summary>Domains of the corpus; empty: all, also those that are only for evaluation.</summary>
    public IReadOnlyList<string> Domains { get; init; } = [];

    /// <summary>See <see cref="EvaluationModes"/>; empty: all there is.</summary>
    public IReadOnlyList<string> Modes { get; init; } = [];

    public CorpusSplit Split { get; init; } = CorpusSplit.Test;

    /// <summary>Predicted tokens per domain; 0: the whole split.</summary>
    public long MaxTokensPerDomain { get; init; } = 100_000;

    /// <summary>When top_k and top_p choose.</summary>
    public SelectForm Select { get; init; } = SelectForm.PerToken;

    /// <summary>Largest sequence in tokens, BOS included; null: the shortest max_position_embeddings of the models.</summary>
    public int? Context { get; init; }

    /// <summary>Models scored at once.</summary>
    public int Parallel { get; init; } = 1;
}
