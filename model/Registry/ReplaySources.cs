using Btx.Model.Forests;

namespace Btx.Model.Registry;

/// <summary>Where a <see cref="ReplayRecipe"/> finds models and text.</summary>
public sealed record ReplaySources
{
    /// <summary>Directory of the source forest.</summary>
    public required string Forest { get; init; }

    /// <summary>Its manifest.</summary>
    public required ForestManifest Manifest { get; init; }

    /// <summary>New forest directory that the recipe makes.</summary>
    public required string Clean { get; init; }

    /// <summary>Corpus directory; null: the recorded one of each expert.</summary>
    public string? Corpus { get; init; }

    /// <summary>Directory of the seed model; null: the recorded one.</summary>
    public string? Seed { get; init; }

    /// <summary>See <see cref="RecordedTraining.All"/>.</summary>
    public IReadOnlyDictionary<string, RecordedTraining> Recorded { get; init; } = new Dictionary<string, RecordedTraining>();
}
