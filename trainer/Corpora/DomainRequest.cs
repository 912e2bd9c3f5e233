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

/// <summary>What became of one requested domain.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Domain">The domain, or null if it could not be built.</param>
/// <param name="Reused">Whether it was there already, whole.</param>
/// <param name="Error">Why it could not be built: one line.</param>
public sealed record DomainOutcome(DomainRequest Request, CorpusDomain? Domain, bool Reused, string? Error);

/// <summary>What the maker of a domain should know about their text: how often it happened, and to what for example.</summary>
/// <param name="What">Reads well after the number: <c>links, which are not followed</c>.</param>
/// <param name="Examples">The first few.</param>
public sealed record CorpusNote(string What, long Count, IReadOnlyList<string> Examples)
{
    /// <summary>One line.</summary>
    public override string ToString() =>
        $"{Count} {What}{(Examples.Count > 0 ? $": {string.Join("; ", Examples)}{(Count > Examples.Count ? "; …" : "")}" : "")}";
}
