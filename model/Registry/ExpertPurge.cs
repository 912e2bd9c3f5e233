using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Model.Registry;

/// <summary>Lists and deletes the files of a removed expert.</summary>
public static class ExpertPurge
{
    /// <summary>Refuses a purge that would take files from an expert that stays.</summary>
    /// <exception cref="BtxException">Another expert lies in the same directory, or one in the other.</exception>
    public static void RequireUnshared(ForestState after, PurgeTarget target, string servedDirectory, Serving.ServedForestManifest served)
    {
        var path = target.Directory(servedDirectory, served) + "/";
        foreach (var other in after.Experts)
        {
            var theirs = other.Directory(servedDirectory, served) + "/";
            if (theirs.StartsWith(path, StringComparison.Ordinal) || path.StartsWith(theirs, StringComparison.Ordinal))
                throw new BtxException(
                    $"--purge would delete files of expert \"{other.Name}\", which stays and shares {target.Path} with "
                    + $"\"{target.Expert}\"; remove without --purge")
                { Kind = FaultKind.Precondition };
        }
    }

    /// <summary>Refuses a purge that could not be done, by making and deleting an empty file.
    /// One that is done already can be done.</summary>
    /// <exception cref="BtxException">The directory, or the one that it lies in, cannot be written.</exception>
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
                throw new BtxException(
                    $"--purge could not delete {directory}: {place} cannot be written by the server; "
                    + "let it, or remove without --purge", e)
                { Kind = FaultKind.Precondition };
            }
        }
    }

    /// <summary>Directories in which training left the same weights: <c>FOREST/runs/*/NAME</c>.</summary>
    /// <param name="forest">The source forest's directory.</param>
    /// <param name="sha256">Of the expert's weight files (hex).</param>
    /// <exception cref="BtxException">A directory cannot be read.</exception>
    public static IReadOnlyList<string> TrainingCopies(string forest, string expert, string sha256)
    {
        var runs = Path.Combine(forest, "runs");
        try
        {
            if (!Directory.Exists(runs)) return [];
            return [.. Directory.EnumerateDirectories(runs).Select(d => Path.Combine(d, expert))
                .Where(d => Directory.Exists(d) && Directory.EnumerateFiles(d, "*.safetensors").Any())
                .Where(d => CheckpointFiles.Hash(d) == sha256).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{runs}: cannot be read: {BtxException.OneLine(e.Message)}", e);
        }
    }

    /// <summary>Every file below a directory, by name; none if it is not there. Links are listed, not followed.</summary>
    /// <exception cref="BtxException">The directory cannot be listed.</exception>
    public static IReadOnlyList<CertifiedFile> Files(string directory) =>
        [.. FolderTree.Files(directory).Select(f => new CertifiedFile(f.Path, f.Stat.Length, Deleted: false))];

    /// <summary>Deletes a directory and what is in it, durably. Done again after a crash it deletes the rest.</summary>
    /// <returns>What was seen to be gone.</returns>
    /// <exception cref="BtxException">Something could not be deleted; the same call goes on.</exception>
    public static PurgeOutcome Delete(string directory, PurgeOutcome? outcome = null)
    {
        outcome ??= new();
        FolderTree.Delete(directory, outcome.Saw);
        AtomicFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(directory))!);
        return outcome;
    }
}
