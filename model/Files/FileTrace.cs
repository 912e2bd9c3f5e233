using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>Holds on to a file that was read, to see later what became of it. Nothing of its content is held, but while it is open the
/// system keeps a file without a name.</summary>
public sealed class FileTrace : IDisposable
{
    private readonly SafeFileHandle file;
    private FileStat? last;

    internal FileTrace(string path, FileStat stat, SafeFileHandle file) => (Path, Stat, this.file) = (path, stat, file);

    /// <summary>As it was named when it was read.</summary>
    public string Path { get; }

    /// <summary>The file when it was read.</summary>
    public FileStat Stat { get; }

    /// <summary>What the file is by now, wherever it was moved: 0 names if it is gone.</summary>
    /// <exception cref="IOException">The file system does not say.</exception>
    public FileStat Now => last ?? FileStat.Of(file);

    /// <summary>Where the file lies by now; null if it is gone, or the name that it was read by was taken away and it has others.</summary>
    public string? RealPath
    {
        get
        {
            if (Now.Names == 0) return null;
            var place = File.ResolveLinkTarget(OpenFile.Link(file), returnFinalTarget: false)?.FullName;
            return place is not null && System.IO.Path.Exists(place) ? place : null; // the system says "(deleted)" of a name that is gone
        }
    }

    /// <summary>Lets a file go that has no name any more, so that its space is free; what it was stays known.</summary>
    public void LetGo()
    {
        if (last is not null || Now is not { Names: 0 } gone) return;
        last = gone;
        file.Dispose();
    }

    /// <summary>Idempotent.</summary>
    public void Dispose() => file.Dispose();
}
