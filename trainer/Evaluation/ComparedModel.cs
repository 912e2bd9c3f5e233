using Btx.Model.Forests;

namespace Btx.Trainer.Evaluation;

/// <summary>A model that is measured beside the forest, in a row of its own: any Llama or Mixtral
/// directory with the forest's tokenizer.</summary>
/// <param name="Name">Of the row: 1 to 64 of <c>a-z 0-9 . _ -</c>, and not the name of a mode.</param>
public sealed record ComparedModel(string Name, string Directory)
{
    /// <param name="texts"><c>NAME=DIR</c>, as on the command line.</param>
    /// <exception cref="BtxException">Not of that form, a name that is none or is taken.</exception>
    public static IReadOnlyList<ComparedModel> Parse(IEnumerable<string> texts)
    {
        var models = new List<ComparedModel>();
        foreach (var text in texts)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at < 0 || at == text.Length - 1) throw new BtxException($"--model {text}: expected NAME=DIR");
            var name = text[..at];
            if (!ForestManifestRules.IsName(name))
                throw new BtxException($"--model {text}: the name \"{BtxException.OneLine(name)}\" is not 1-64 of a-z 0-9 . _ -");
            if (EvaluationModes.IsReserved(name))
                throw new BtxException($"--model {text}: \"{name}\" is the name of a mode; choose another");
            if (models.Any(m => m.Name == name)) throw new BtxException($"--model {text}: the name \"{name}\" is given twice");
            models.Add(new(name, text[(at + 1)..]));
        }

        return models;
    }
}
