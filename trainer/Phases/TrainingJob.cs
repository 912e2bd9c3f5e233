using Btx.Model.Configuration;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>One run: initial weights, text, options. A value that a process can be handed as JSON.</summary>
public sealed record TrainingJob
{
    /// <summary><c>seed</c>, <c>dense</c>, <c>expert</c> or <c>finetune</c>.</summary>
    public required string Phase { get; init; }

    public required string Name { get; init; }

    /// <summary>Absolute path of the corpus.</summary>
    public required string Corpus { get; init; }

    /// <summary>Absolute path of the directory of token shards; null: inside the corpus.</summary>
    public string? Shards { get; init; }

    /// <summary>Absolute path of a directory with tokenizer.json.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>Where windows are drawn from.</summary>
    public required IReadOnlyList<TextSource> Sources { get; init; }

    /// <summary>Share of the windows by source, summing to 1; null: each the same.</summary>
    public IReadOnlyList<double>? Weights { get; init; }

    public required LlamaConfig Architecture { get; init; }

    /// <summary>What the initial weights are the average of; empty: random initialisation.</summary>
    public IReadOnlyList<BranchParent> Parents { get; init; } = [];

    public required TrainingOptions Options { get; init; }

    /// <summary>For a mixture; null for a dense model.</summary>
    public MoeTuning? Moe { get; init; }
}
