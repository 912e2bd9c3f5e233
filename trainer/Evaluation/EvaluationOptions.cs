namespace Btx.Trainer.Evaluation;

/// <summary>What to evaluate, and how.</summary>
public sealed record EvaluationOptions
{
    public required string Forest { get; init; }
    public required string Corpus { get; init; }
    public IReadOnlyList<ComparedModel> Models { get; init; } = []; // to measure beside the forest, in the order of the tables
    public IReadOnlyList<string> Domains { get; init; } = []; // empty: all of the corpus, also those that are only for evaluation
    public IReadOnlyList<string> Modes { get; init; } = []; // see EvaluationModes; empty: all there is
    public CorpusSplit Split { get; init; } = CorpusSplit.Test;
    public long MaxTokensPerDomain { get; init; } = 100_000; // predicted tokens; 0: the whole split
    public SelectForm Select { get; init; } = SelectForm.PerToken; // when top_k and top_p choose
    public int? Context { get; init; } // largest sequence in tokens, BOS included; null: the shortest context of the models
    public int Parallel { get; init; } = 1; // models scored at once

    public EvaluationOptions With(string name, string directory) => this with { Models = [.. Models, new(name, directory)] };
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
