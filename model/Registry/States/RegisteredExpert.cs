using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>An expert as a server has it: its name is unique among the known ancestors too, its round is 0 if it was imported, and its path
/// has a root.</summary>
public sealed record RegisteredExpert : ExpertEntry
{
    public RegisteredExpert() => Round = 0;

    /// <summary>What <see cref="ExpertEntry.Path"/> is relative to, see <see cref="ExpertRoot"/>.</summary>
    public string Root { get; init; } = ExpertRoot.Source;

    public string Directory(string servedDirectory, ServedForestManifest served) => Directory(Root, Path, servedDirectory, served);

    internal static string Directory(string root, string path, string servedDirectory, ServedForestManifest served) => root switch
    {
        ExpertRoot.Source => ContainedPath.Resolve(served.SourceDirectory(servedDirectory), path, ServedForestManifest.FileName),
        ExpertRoot.Served => ContainedPath.Resolve(servedDirectory, path, ServedForestManifest.FileName),
        _ => ContainedPath.Resolve("/", path.TrimStart('/'), ChangeJournal.FileName),
    };
}

/// <summary>Names of <see cref="RegisteredExpert.Root"/>: what the path is relative to.</summary>
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
