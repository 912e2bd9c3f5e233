namespace Btx.Model.Files;

/// <summary>All that lies below a directory that a manifest names. Nothing is followed, opened for reading, or waited for.</summary>
public static class FolderTree
{
    /// <summary>Directories inside each other, more than any model has.</summary>
    public const int MaxDepth = 16;

    /// <summary>Entries, more than any model has.</summary>
    public const int MaxEntries = 20_000;

    /// <summary>Refuses what is no file of its own, at any depth; a directory that does not exist passes.</summary>
    /// <param name="source">Named in errors: whose directory it is.</param>
    /// <exception cref="BtxException">An entry is a symbolic link, a file with a second name, a pipe, a socket or a device; or there are
    /// too many.</exception>
    public static void Check(string directory, string source, CancellationToken cancellation = default)
    {
        if (!Path.Exists(directory)) return;
        using var root = OpenFolder.At(directory);
        foreach (var (path, stat) in Entries(root, cancellation))
        {
            if (stat.Problem is { } problem)
                throw new BtxException($"{source}: {Path.Combine(directory, path)} {problem}; replace it by a copy, or take it away");
        }
    }

    /// <summary>Whatever is no directory, whether it is a file or not, by name; none if there is no such directory.</summary>
    /// <returns>Path relative to the directory.</returns>
    /// <exception cref="BtxException">It cannot be listed, or holds too much.</exception>
    public static IReadOnlyList<(string Path, FileStat Stat)> Files(string directory)
    {
        if (!Path.Exists(directory)) return [];
        using var root = OpenFolder.At(directory);
        var files = Entries(root, CancellationToken.None).Where(e => e.Stat.Kind != FileKind.Folder);
        return [.. files.OrderBy(e => e.Path, StringComparer.Ordinal)];
    }

    /// <summary>Deletes what is in a directory, then the directory.</summary>
    /// <param name="deleted">Told of everything but directories: its path, and what is left of it (see
    /// <see cref="OpenFolder.Delete"/>).</param>
    /// <exception cref="BtxException">Something could not be deleted; done again it deletes the rest.</exception>
    public static void Delete(string directory, Action<string, FileStat> deleted)
    {
        if (FileStat.Of(directory) is not { } stat) return;
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        using var parent = OpenFolder.At(Path.GetDirectoryName(full)!);
        var name = Path.GetFileName(full);
        if (stat.Kind == FileKind.Folder)
        {
            using (var root = parent.Folder(name)) Empty(root, "", 0, deleted);
            parent.DeleteFolder(name);
        }
        else throw new BtxException($"{directory}: is no directory any more; nothing of it was deleted");
    }

    private static void Empty(OpenFolder folder, string at, int depth, Action<string, FileStat> deleted)
    {
        foreach (var name in folder.Names().ToList())
        {
            var path = Path.Combine(at, name);
            if (folder.Look(name) is not { } stat) continue;
            if (stat.Kind != FileKind.Folder)
            {
                if (folder.Delete(name) is { } left) deleted(path, left);
                continue;
            }

            if (depth == MaxDepth)
                throw new BtxException($"{folder.Path}: more than {MaxDepth} directories inside each other; delete it by hand");
            using (var inner = folder.Folder(name)) Empty(inner, path, depth + 1, deleted);
            folder.DeleteFolder(name);
        }
    }

    private static IEnumerable<(string Path, FileStat Stat)> Entries(OpenFolder root, CancellationToken cancellation)
    {
        var found = 0;
        return Of(root, "", 0);

        IEnumerable<(string Path, FileStat Stat)> Of(OpenFolder folder, string at, int depth)
        {
            foreach (var name in folder.Names())
            {
                cancellation.ThrowIfCancellationRequested();
                if (++found > MaxEntries)
                    throw new BtxException($"{root.Path}: holds more than {MaxEntries} files; an expert's directory holds its own files "
                    + $"and nothing else");
                var path = Path.Combine(at, name);
                if (folder.Look(name) is not { } stat) continue; // it went while the directory was listed
                yield return (path, stat);
                if (stat.Kind != FileKind.Folder) continue;
                if (depth == MaxDepth)
                    throw new BtxException($"{root.Path}: more than {MaxDepth} directories inside each other; an expert's directory "
                    + $"holds its own files and nothing else");
                using var inner = folder.Folder(name);
                foreach (var entry in Of(inner, path, depth + 1)) yield return entry;
            }
        }
    }
}
