using Btx.Trainer.Corpora.Recipes;

namespace Btx.Trainer.Corpora;

/// <summary>A domain to build: from a recipe, or from a folder of the user's.</summary>
/// <param name="Name">The domain's name.</param>
/// <param name="Role">Train or eval-only.</param>
/// <param name="LimitBytes">Cap on the text, or null.</param>
/// <param name="Recipe">How to make it, or null for a folder.</param>
/// <param name="Folder">The user's folder, or null for a recipe.</param>
public sealed record DomainRequest(string Name, CorpusRole Role, long? LimitBytes, DomainRecipe? Recipe, string? Folder)
{
    /// <summary>Whether a file or line of the folder that is no text fails the domain instead of being left out.</summary>
    public bool Strict { get; init; }

    /// <summary>Version of the rules that its documents come from.</summary>
    public int Version => Folder is null ? DomainRecipe.Version : Corpora.OwnFolder.Version;

    public static DomainRequest Of(DomainRecipe recipe, long? limitBytes) => new(recipe.Name, recipe.Role, limitBytes, recipe, null);

    public static DomainRequest OwnFolder(string name, string folder, CorpusRole role, long? limitBytes, bool strict = false) =>
        new(name, role, limitBytes, null, folder) { Strict = strict };
}
