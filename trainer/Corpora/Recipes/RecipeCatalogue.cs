using Btx.Model;

namespace Btx.Trainer.Corpora.Recipes;

/// <summary>Every domain that the program knows how to make.</summary>
public static class RecipeCatalogue
{
    /// <summary>UTF-8 bytes of text of each domain of the demo set.</summary>
    public const long DemoLimitBytes = 1_500_000;

    public static IReadOnlyList<DomainRecipe> Demo { get; } = [TrainingRecipes.Novels, TrainingRecipes.Bible, TrainingRecipes.Python,
        TrainingRecipes.German];

    public static IReadOnlyList<DomainRecipe> Full { get; } =
    [
        TrainingRecipes.Novels, TrainingRecipes.Bible, TrainingRecipes.WordNet, TrainingRecipes.Python,
        TrainingRecipes.SetMm, TrainingRecipes.Man, TrainingRecipes.German, TrainingRecipes.Speeches,
        EvaluationRecipes.MobyDick, EvaluationRecipes.Press, EvaluationRecipes.Foldoc, EvaluationRecipes.GoLang,
        EvaluationRecipes.Coq, EvaluationRecipes.French, EvaluationRecipes.PgDoc, EvaluationRecipes.Licences,
    ];

    /// <summary>The recipes of the named domains, in the order of <paramref name="set"/>; all of the set without names.</summary>
    /// <exception cref="BtxException">A name is not in the set; lists those that are.</exception>
    public static IReadOnlyList<DomainRecipe> Select(IReadOnlyList<DomainRecipe> set, IReadOnlyCollection<string> names)
    {
        var unknown = names.FirstOrDefault(n => set.All(r => r.Name != n));
        if (unknown is not null)
            throw new BtxException($"--domains: \"{unknown}\" is not a domain of this set; it has "
                + $"{string.Join(", ", set.Select(r => r.Name))}");
        return names.Count == 0 ? set : [.. set.Where(r => names.Contains(r.Name))];
    }
}
