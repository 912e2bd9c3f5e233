using Btx.Trainer.Corpora.Cleaning;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Recipes;

/// <summary>How one domain is made: where its text comes from and how it is read.</summary>
public sealed record DomainRecipe
{
    /// <summary>Raised whenever extraction, cleaning or splitting gives other text than before: built domains are then redone.</summary>
    public const int Version = 1;

    public required string Name { get; init; }

    public required CorpusRole Role { get; init; }

    /// <summary>Licence of the text.</summary>
    public required string Licence { get; init; }

    /// <summary>What the text is, in a few words.</summary>
    public required string Description { get; init; }

    public required IReadOnlyList<SourcePackage> Packages { get; init; }

    /// <summary>About how many bytes are downloaded; for the progress bar only.</summary>
    public required long DownloadBytes { get; init; }

    /// <summary>About how many bytes of clean text come out; for the progress bar only.</summary>
    public required long TextBytes { get; init; }

    public CleaningRules Rules { get; init; } = new();

    /// <summary>Reads the documents, not yet cleaned, out of the unpacked packages.</summary>
    public required Func<UnpackedPackages, CancellationToken, IEnumerable<CorpusDocument>> Extract { get; init; }
}
