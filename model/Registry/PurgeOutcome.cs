using Btx.Model.Files;

namespace Btx.Model.Registry;

/// <summary>What a purge saw: of every file below an expert's directory, what was left when its name had been taken away.</summary>
public sealed class PurgeOutcome
{
    private readonly Dictionary<string, FileStat> left = new(StringComparer.Ordinal);

    /// <summary>Told of each deletion, see <see cref="FolderTree.Delete"/>.</summary>
    public void Saw(string path, FileStat after) => left[path] = after;

    /// <summary>The files as a certificate lists them.</summary>
    /// <param name="directory">Of the expert.</param>
    /// <param name="found">As they lay there before.</param>
    /// <param name="served">The files that the server read, which may have been moved or replaced since.</param>
    /// <param name="damage">How the weights had been changed before, if they had been; null otherwise.</param>
    public IReadOnlyList<CertifiedFile> Certify(string directory, IReadOnlyList<CertifiedFile> found, IReadOnlyList<PrivateCopy> served,
        string? damage = null)
    {
        var files = found.ToDictionary(f => f.Path, f => f.Deleted ? f : Certify(directory, f), StringComparer.Ordinal);
        foreach (var (path, after) in left) files.TryAdd(path, Certify(directory, new CertifiedFile(path, after.Length, Deleted: false)));
        foreach (var copy in served)
        {
            var path = System.IO.Path.GetRelativePath(directory, copy.Path);
            var file = files.GetValueOrDefault(path) ?? new CertifiedFile(path, copy.Stat.Length, Deleted: false);
            var place = copy.Now.Names > 0 ? copy.RealPath ?? "a place that is not known" : null;
            var remains = place is null ? null
                : $"the file that was served is another than the one deleted; it lies at {BtxException.OneLine(place)}";
            files[path] = file with { Deleted = place is null, Remains = remains };
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

    private CertifiedFile Certify(string directory, CertifiedFile file)
    {
        if (left.TryGetValue(file.Path, out var after))
        {
            return after.Kind switch
            {
                FileKind.Link => file with { Remains = "was a symbolic link, which is deleted; what it led to was not touched" },
                _ when after.Names > 0 =>
                    file with { Remains = "has another name, not in the expert's directory: a hard link remains elsewhere" },
                _ => file with { Deleted = true },
            };
        }

        return System.IO.Path.Exists(System.IO.Path.Combine(directory, file.Path))
            ? file with { Remains = "could not be deleted; the purge is done again at the next start" }
            : file with { Remains = "was not at its place when it was to be deleted; what became of it is not known" };
    }
}
