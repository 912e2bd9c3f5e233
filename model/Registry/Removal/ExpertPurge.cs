using Btx.Model.Tensors;

namespace Btx.Model.Registry;

/// <summary>Lists and deletes the files of a removed expert.</summary>
public static class ExpertPurge
{
    /// <summary>Refuses a purge that would take files from an expert that stays.</summary>
    public static void RequireUnshared(ForestState after, PurgeTarget target, string servedDirectory, Serving.ServedForestManifest served)
    {
        var path = target.Directory(servedDirectory, served) + "/";
        foreach (var other in after.Experts)
        {
            var theirs = other.Directory(servedDirectory, served) + "/";
            if (theirs.StartsWith(path, StringComparison.Ordinal) || path.StartsWith(theirs, StringComparison.Ordinal))
                throw new BtxException(ErrorKind.Precondition, $"--purge would delete files of expert \"{other.Name}\", which stays and "
                    + $"shares {target.Path} with \"{target.Expert}\"; remove without --purge");
        }
    }

    /// <summary>Refuses a purge that could not be done, by making and deleting an empty file.</summary>
    public static void RequireDeletable(string directory)
    {
        if (!Directory.Exists(directory)) return;
        foreach (var place in (string[])[directory, Path.GetDirectoryName(Path.GetFullPath(directory))!])
        {
            try
            {
                using var tried = new FileStream(Path.Combine(place, $".purge-{Guid.NewGuid():N}"),
                    new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose });
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new BtxException(ErrorKind.Precondition, $"--purge could not delete {directory}: {place} cannot be written by the "
                    + "server; let it, or remove without --purge", e);
            }
        }
    }

    /// <summary>Directories in which training left the same weights: <c>FOREST/runs/*/NAME</c>.</summary>
    public static IReadOnlyList<string> TrainingCopies(string forest, string expert, string sha256)
    {
        var runs = Path.Combine(forest, "runs");
        return !Directory.Exists(runs) ? [] : FileErrors.Told<IReadOnlyList<string>>($"{runs}: cannot be read", () =>
            [.. Directory.EnumerateDirectories(runs).Select(d => Path.Combine(d, expert))
                .Where(d => Directory.Exists(d) && Directory.EnumerateFiles(d, "*.safetensors").Any())
                .Where(d => CheckpointFiles.Hash(d) == sha256).Order(StringComparer.Ordinal)]);
    }

    /// <summary>Every file below a directory, by name; none if it is not there. Links are listed, not followed.</summary>
    public static IReadOnlyList<CertifiedFile> Files(string directory) =>
        [.. FolderTree.Files(directory).Select(f => new CertifiedFile(f.Path, f.Stat.Length, Deleted: false))];

    /// <summary>As <see cref="Files(string)"/>, and those that the server read but that do not lie there any more.</summary>
    public static IReadOnlyList<CertifiedFile> Files(string directory, IReadOnlyList<FileTrace> served)
    {
        var files = Files(directory).ToList();
        foreach (var trace in served)
        {
            var path = Path.GetRelativePath(directory, trace.Path);
            if (files.All(f => f.Path != path))
                files.Add(new(path, trace.Stat.Length, Deleted: false, $"was not at its place; {PurgeOutcome.Place(trace)}"));
        }

        return [.. files.OrderBy(f => f.Path, StringComparer.Ordinal)];
    }

    /// <summary>Says so where no weight file is among them: a list that names none would read as if there had been none.</summary>
    public static IReadOnlyList<CertifiedFile> Complete(IReadOnlyList<CertifiedFile> files, bool purged) =>
        files.Any(f => f.Path is "." || f.Path.EndsWith(".safetensors", StringComparison.Ordinal)) ? files
            : [new(".", 0, Deleted: false, "no weight file lay in the directory when it was looked at; "
                + (purged ? "a purge had ended before, and what it deleted is not known any more" : "what became of them is not known")),
                .. files];

    /// <summary>Deletes a directory and what is in it, durably. Done again after a crash it deletes the rest.</summary>
    public static PurgeOutcome Delete(string directory, PurgeOutcome? outcome = null)
    {
        outcome ??= new();
        FolderTree.Delete(directory, outcome.Saw);
        AtomicFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(directory))!);
        return outcome;
    }
}

/// <summary>An expert whose files are to be deleted after the commit of its removal.</summary>
/// <param name="Root">What <paramref name="Path"/> is relative to, see <see cref="ExpertRoot"/>.</param>
public sealed record PurgeTarget(string Expert, string Root, string Path, string Sha256)
{
    public static PurgeTarget Of(RegisteredExpert expert) => new(expert.Name, expert.Root, expert.Path, expert.Sha256);

    public string Directory(string servedDirectory, Serving.ServedForestManifest served) =>
        RegisteredExpert.Directory(Root, Path, servedDirectory, served);
}

/// <summary>What a purge saw: of every file below an expert's directory, what was left when its name had been taken away.</summary>
public sealed class PurgeOutcome
{
    /// <summary>How <see cref="CertifiedFile.Remains"/> begins of what a later purge may delete.</summary>
    public const string Undeleted = "could not be deleted";

    private readonly Dictionary<string, FileStat> left = new(StringComparer.Ordinal);

    /// <summary>Told of each deletion, see <see cref="FolderTree.Delete"/>.</summary>
    public void Saw(string path, FileStat after) => left[path] = after;

    /// <summary>The files as a certificate lists them.</summary>
    /// <param name="served">The files that the server read, which may have been moved or replaced since.</param>
    /// <param name="damage">How the weights had been changed before, if they had been; null otherwise.</param>
    public IReadOnlyList<CertifiedFile> Certify(string directory, IReadOnlyList<CertifiedFile> found, IReadOnlyList<FileTrace> served,
        string? damage = null)
    {
        var files = found.ToDictionary(f => f.Path, f => f.Deleted ? f : Certify(directory, f), StringComparer.Ordinal);
        foreach (var (path, after) in left) files.TryAdd(path, Certify(directory, new CertifiedFile(path, after.Length, Deleted: false)));
        foreach (var trace in served)
        {
            var path = System.IO.Path.GetRelativePath(directory, trace.Path);
            var file = files.GetValueOrDefault(path) ?? new CertifiedFile(path, trace.Stat.Length, Deleted: false);
            var remains = Remains(directory, file, trace, damage);
            files[path] = file with { Deleted = remains is null, Remains = remains };
        }

        if (damage is not null)
        {
            foreach (var file in files.Values.Where(f => f.Deleted && f.Path.EndsWith(".safetensors", StringComparison.Ordinal)).ToList())
            {
                var remains = $"was deleted, but is not known to be the file that was served: {damage}";
                files[file.Path] = file with { Deleted = false, Remains = remains };
            }
        }

        return [.. files.Values.OrderBy(f => f.Path, StringComparer.Ordinal)];
    }

    /// <summary>Where a file lies that is not where it was.</summary>
    internal static string Place(FileTrace served) => served.Now.Names switch
    {
        0 => "the file that was served has no name any more: it was deleted before",
        1 => $"the file that was served lies at {At(served)}",
        var names => $"the file that was served lies at {At(served)}, and has {names} names in all",
    };

    private static string At(FileTrace served) => served.RealPath is { } place ? BtxException.OneLine(place) : "a place that is not known";

    // Null: it is gone.
    private string? Remains(string directory, CertifiedFile file, FileTrace served, string? damage)
    {
        var now = served.Now;
        var seen = left.TryGetValue(file.Path, out var after);
        if (now.Names == 0)
            return seen || damage is null ? null : $"was not at its place when it was to be deleted; {Place(served)}";
        if (seen && after.IsSameFile(now)) return OtherNames(now);
        if (seen) return $"the file that was served is another than the one deleted; it lies at {At(served)}";
        return System.IO.Path.Exists(System.IO.Path.Combine(directory, file.Path)) ? file.Remains ?? "lies at its place"
            : $"was not at its place when it was to be deleted; {Place(served)}";
    }

    private static string OtherNames(FileStat left) => left.Names == 1
        ? "its name was deleted, but it has another name, not in the expert's directory: a hard link remains elsewhere, with its contents"
        : $"its name was deleted, but it has {left.Names} other names: hard links remain elsewhere, with its contents";

    private CertifiedFile Certify(string directory, CertifiedFile file)
    {
        if (left.TryGetValue(file.Path, out var after))
        {
            return after.Kind switch
            {
                FileKind.Link => file with { Remains = "was a symbolic link, which is deleted; what it led to was not touched" },
                _ when after.Names > 0 => file with { Remains = OtherNames(after) },
                _ => file with { Deleted = true, Remains = null },
            };
        }

        return System.IO.Path.Exists(System.IO.Path.Combine(directory, file.Path))
            ? file with { Remains = $"{Undeleted}; the purge is done again at the next start" }
            : file with { Remains = "was not at its place when it was to be deleted; what became of it is not known" };
    }
}
