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

    /// <exception cref="BtxException">As <see cref="At"/>, or it is a link.</exception>
    public OpenFolder Folder(string name)
    {
        var path = Combine(name);
        return new(OpenFile.Folder(OpenFile.Named(handle, name, follow: false, path), path), path);
    }

    /// <summary>Opens a file at a path of names inside, none of which may be a link.</summary>
    /// <param name="relative">Parts between slashes, see <see cref="ContainedPath.ResolveNames"/>.</param>
    /// <exception cref="BtxException">It is not there, a part is a link, or it is no regular file.</exception>
    public SafeFileHandle Read(string relative)
    {
        var path = Combine(relative);
        if (relative.Split('/', 2) is not [var first, var rest])
            return OpenFile.Reopen(OpenFile.Named(handle, relative, follow: false, path), path);
        using var folder = Folder(first);
        return folder.Read(rest);
    }

    /// <summary>What has a name here; null: nothing.</summary>
    /// <exception cref="BtxException">It cannot be looked at.</exception>
    public FileStat? Look(string name)
    {
        try
        {
            using var named = OpenFile.Named(handle, name, follow: false, Combine(name));
            return FileStat.Of(named);
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            return null;
        }
    }

    /// <exception cref="BtxException">It cannot be listed.</exception>
    public IEnumerable<string> Names()
    {
        IEnumerator<string> names;
        try
        {
            names = Directory.EnumerateFileSystemEntries(OpenFile.Link(handle)).GetEnumerator();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{Path}: cannot be listed: {BtxException.OneLine(e.Message)}", e);
        }

        using (names)
        {
            while (names.MoveNext()) yield return System.IO.Path.GetFileName(names.Current);
        }
    }

    /// <summary>Takes a name away and looks, by a handle that was taken before, what that did to the file.</summary>
    /// <returns>The file after; its <see cref="FileStat.Names"/> is 0 if it is gone. Null: there was none.</returns>
    /// <exception cref="BtxException">The name cannot be taken away.</exception>
    public FileStat? Delete(string name)
    {
        try
        {
            using var named = OpenFile.Named(handle, name, follow: false, Combine(name));
            Unlink(name, 0);
            return FileStat.Of(named);
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            return null;
        }
    }

    /// <summary>Deletes an empty directory.</summary>
    /// <exception cref="BtxException">It cannot be deleted.</exception>
    public void DeleteFolder(string name) => Unlink(name, RemoveFolder);

    public void Dispose() => handle.Dispose();

    private string Combine(string name) => System.IO.Path.Combine(Path, name);

    private void Unlink(string name, int flags)
    {
        if (UnlinkAt((int)handle.DangerousGetHandle(), name, flags) != 0)
            throw OpenFile.Failure($"{Combine(name)}: cannot be deleted", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "unlinkat", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int UnlinkAt(int directory, string path, int flags);
}
