using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>A directory held open: names are looked up in this very directory, however it is renamed or replaced, and no link is
/// followed.</summary>
public sealed partial class OpenFolder : IDisposable
{
    private const int RemoveFolder = 0x200; // AT_REMOVEDIR

    private readonly SafeFileHandle handle;

    private OpenFolder(SafeFileHandle handle, string path) => (this.handle, Path) = (handle, path);

    /// <summary>As it was named.</summary>
    public string Path { get; }

    /// <summary>Where the system says that it lies now, free of links.</summary>
    public string RealPath => File.ResolveLinkTarget(OpenFile.Link(handle), returnFinalTarget: false)!.FullName;

    /// <summary>Opens a directory; links in the path are followed.</summary>
    /// <exception cref="BtxException">It is not there, is no directory, or cannot be read.</exception>
    public static OpenFolder At(string path) => new(OpenFile.Folder(path), path);

    public OpenFolder Folder(string name)
    {
        var path = Combine(name);
        return new(OpenFile.Open(OpenFile.Named(handle, name, follow: false, path), FileKind.Folder, path), path);
    }

    /// <summary>Opens a file at a path of names inside, none of which may be a link.</summary>
    /// <param name="relative">Parts between slashes, see <see cref="ContainedPath.ResolveNames"/>.</param>
    /// <exception cref="BtxException">It is not there, a part is a link, or it is no regular file.</exception>
    public SafeFileHandle Read(string relative)
    {
        var path = Combine(relative);
        if (relative.Split('/', 2) is not [var first, var rest])
            return OpenFile.Open(OpenFile.Named(handle, relative, follow: false, path), FileKind.File, path);
        using var folder = Folder(first);
        return folder.Read(rest);
    }

    /// <summary>What has a name here; null: nothing.</summary>
    public FileStat? Look(string name) => Look(name, () => { });

    public IEnumerable<string> Names()
    {
        using var names = FileErrors.Told($"{Path}: cannot be listed",
            () => Directory.EnumerateFileSystemEntries(OpenFile.Link(handle)).GetEnumerator());
        while (names.MoveNext()) yield return System.IO.Path.GetFileName(names.Current);
    }

    /// <summary>Takes a name away and looks, by a handle that was taken before, what that did to the file.</summary>
    /// <returns>The file after; its <see cref="FileStat.Names"/> is 0 if it is gone. Null: there was none.</returns>
    public FileStat? Delete(string name) => Look(name, () => Unlink(name, 0));

    /// <summary>Deletes an empty directory.</summary>
    public void DeleteFolder(string name) => Unlink(name, RemoveFolder);

    public void Dispose() => handle.Dispose();

    private FileStat? Look(string name, Action first)
    {
        try
        {
            using var named = OpenFile.Named(handle, name, follow: false, Combine(name));
            first();
            return FileStat.Of(named);
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            return null;
        }
    }

    private string Combine(string name) => System.IO.Path.Combine(Path, name);

    private void Unlink(string name, int flags)
    {
        if (UnlinkAt((int)handle.DangerousGetHandle(), name, flags) != 0)
            throw OpenFile.Failure($"{Combine(name)}: cannot be deleted", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "unlinkat", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int UnlinkAt(int directory, string path, int flags);
}

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
            if (stat.Problem is { } problem)
                throw new BtxException($"{source}: {Path.Combine(directory, path)} {problem}; replace it by a copy, or take it away");
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
