using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>What to evaluate, and how.</summary>
public sealed record EvaluationOptions
{
    public required string Forest { get; init; }
    public required string Corpus { get; init; }

    /// <summary>Directories of the seed, the dense baseline and the BTX model (Mixtral); null leaves one out.</summary>
    public string? SeedModel { get; init; }
    public string? Dense { get; init; }
    public string? Btx { get; init; }

    /// <summary>Further models to measure beside the forest.</summary>
    public IReadOnlyList<ComparedModel> Models { get; init; } = [];

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

    /// <summary>Every model beside the forest, in the order of the tables.</summary>
    public IReadOnlyList<ComparedModel> AllModels => [.. Given(EvaluationMode.Seed, SeedModel), .. Given(EvaluationMode.Dense, Dense),
        .. Models, .. Given(EvaluationMode.Moe, Btx)];

    private static ComparedModel[] Given(string name, string? directory) => directory is null ? [] : [new(name, directory)];
}

/// <summary>A model that is measured beside the forest, in a row of its own: any Llama or Mixtral directory with its tokenizer.</summary>
/// <param name="Name">Of the row: <c>seed</c>, <c>dense</c>, <c>moe</c> or one of the user's, 1 to 64 of <c>a-z 0-9 . _ -</c>.</param>
public sealed record ComparedModel(string Name, string Directory)
{
    /// <param name="texts"><c>NAME=DIR</c>, as on the command line.</param>
    public static IReadOnlyList<ComparedModel> Parse(IEnumerable<string> texts)
    {
        var models = new List<ComparedModel>();
        foreach (var text in texts)
        {
            if (text.Split('=', 2) is not [var name, { Length: > 0 } path]) throw new BtxException($"--model {text}: expected NAME=DIR");
            if (!ForestManifestRules.IsName(name))
                throw new BtxException($"--model {text}: the name \"{BtxException.OneLine(name)}\" is not 1-64 of a-z 0-9 . _ -");
            if (EvaluationModes.IsReserved(name)) throw new BtxException($"--model {text}: \"{name}\" is the name of a mode; take another");
            if (models.Any(m => m.Name == name)) throw new BtxException($"--model {text}: the name \"{name}\" is given twice");
            models.Add(new(name, path));
        }

        return models;
    }
}
