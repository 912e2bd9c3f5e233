using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

public sealed record RegisteredExpert
{
    /// <summary>Lower-case letters, digits, <c>.</c>, <c>_</c>, <c>-</c>; unique among the experts and their known ancestors.</summary>
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>The weights' directory, relative to <see cref="Root"/>.</summary>
    public required string Path { get; init; }

    public string Root { get; init; } = ExpertRoot.Source;

    /// <summary>SHA-256 (hex) of the weight files in <see cref="Path"/>, see <see cref="Tensors.CheckpointFiles.Hash"/>.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What the branch was averaged from; weights sum to 1. Empty: random initialisation, or unknown.</summary>
    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>The training round that made it; 0 for an expert that was imported.</summary>
    public int Round { get; init; }

    /// <summary>SHA-256 (hex) of the training shard; null for an expert that was imported.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>Training tokens after branching.</summary>
    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>The cached prior π of this expert's domain: weight by expert, summing to 1; null: none is known.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    public string Status { get; init; } = ExpertStatus.Ready;

    public string Directory(string servedDirectory, ServedForestManifest served) => Directory(Root, Path, servedDirectory, served);

    internal static string Directory(string root, string path, string servedDirectory, ServedForestManifest served) => root switch
    {
        ExpertRoot.Source => ContainedPath.Resolve(served.SourceDirectory(servedDirectory), path, ServedForestManifest.FileName),
        ExpertRoot.Served => ContainedPath.Resolve(servedDirectory, path, ServedForestManifest.FileName),
        _ => ContainedPath.Resolve("/", path.TrimStart('/'), ChangeJournal.FileName),
    };

    internal ExpertEntry ToEntry() => new()
    {
        Name = Name,
        Domain = Domain,
        Path = Path,
        Sha256 = Sha256,
        Parents = Parents,
        Round = Round,
        CorpusSha256 = CorpusSha256,
        Tokens = Tokens,
        Steps = Steps,
        Prior = Prior,
        Status = Status,
    };
}

/// <summary>Names of <see cref="RegisteredExpert.Root"/>: what <see cref="RegisteredExpert.Path"/> is relative to.</summary>
public static class ExpertRoot
{
    public const string Source = "source"; // the source forest's directory: the expert's own checkpoint
    public const string Served = "served"; // the served forest's directory: weights that the exporter converted
    public const string External = "external"; // nothing: the path is absolute, of an expert added while serving

    public static IReadOnlyList<string> Names { get; } = [Source, Served, External];
}

/// <summary>An expert that is not in the forest but may be an ancestor of one that is. Its lineage stays known after its removal.</summary>
public sealed record AbsentExpert
{
    public required string Name { get; init; }

    /// <summary>Null where only the name is known.</summary>
    public string? Domain { get; init; }

    public string? Sha256 { get; init; }

    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    public string? CorpusSha256 { get; init; }

    public long Tokens { get; init; }

    public long Steps { get; init; }

    /// <summary>The revision that no longer had it; null: it was never served.</summary>
    public long? RemovedIn { get; init; }

    public static AbsentExpert Of(ExpertEntry e) => new()
    {
        Name = e.Name,
        Domain = e.Domain,
        Sha256 = e.Sha256,
        Parents = e.Parents,
        CorpusSha256 = e.CorpusSha256,
        Tokens = e.Tokens,
        Steps = e.Steps,
    };
}
