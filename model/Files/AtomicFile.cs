namespace Btx.Model.Files;

/// <summary>Writes a file whole or not at all: temporary file in the same directory, fsync, rename, fsync of the directory. What a process
/// that died left beside the file is removed by the next writer of the same file.</summary>
public static class AtomicFile
{
    /// <summary>Writes through <paramref name="write"/>. If it throws (a full disk, say) the old file
    /// stands untouched and no temporary remains.</summary>
    /// <param name="path"><c>-</c>: standard output, which a report may be written to.</param>
    /// <param name="mode">Of the file; null: as the system makes files.</param>
    /// <exception cref="BtxException">The file could not be written; names the path and the cause.</exception>
    public static void Write(string path, Action<Stream> write, UnixFileMode? mode = null)
    {
        if (path == "-")
        {
            ToStandardOutput(write);
            return;
        }

        path = Path.GetFullPath(path);
        var directory = Path.GetDirectoryName(path)!;
        var temporary = Path.Combine(directory, $".{Path.GetFileName(path)}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp");
        try
        {
            if (IsDevice(path))
            {
                using var device = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1);
                write(device);
                return;
            }

            Directory.CreateDirectory(directory);
            Sweep(directory, Path.GetFileName(path));
            var options = new FileStreamOptions
            { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 1 << 20 };
            if (mode is not null && !OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
            using (var stream = new FileStream(temporary, options))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
            SyncDirectory(directory);
        }
        // The runtime reports a file too large for the file system (EFBIG) as an argument out of range.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            throw new BtxException($"cannot write {path}: {BtxException.OneLine(e.Message)}; the file there before, if any, is unchanged",
                e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }

    private static void ToStandardOutput(Action<Stream> write)
    {
        using var output = Console.OpenStandardOutput();
        try
        {
            write(output);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The runtime puts a closed descriptor inside an exception about a path.
            var cause = e.InnerException as IOException ?? e;
            throw new BtxException($"standard output cannot be written: {BtxException.OneLine(cause.Message)}", e);
        }
    }

    /// <summary>One of the system's own, as <c>/dev/stdout</c>: it is written to, never replaced.</summary>
    public static bool IsDevice(string path) => path.StartsWith("/dev/", StringComparison.Ordinal)
        && !path.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(path);

    /// <summary>Writes text as UTF-8 without a mark, whole or not at all.</summary>
    /// <exception cref="BtxException">It cannot be written; the file there before, if any, is unchanged.</exception>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Copies a file, whole or not at all.</summary>
    /// <returns>False: there is none, and nothing was done.</returns>
    public static bool CopyIfThere(string from, string to)
    {
        if (!File.Exists(from)) return false;
        Write(to, stream =>
        {
            using var input = OpenFile.Stream(from);
            input.CopyTo(stream);
        });
        return true;
    }

    /// <summary>Makes a rename inside <paramref name="directory"/>, or the bytes of a file of that name, durable.
    /// Does nothing where it cannot be opened.</summary>
    public static void SyncDirectory(string directory)
    {
        using var handle = OpenFile.Try(directory);
        if (!handle.IsInvalid) RandomAccess.FlushToDisk(handle);
    }

    // Only a file named as Write names them, of a process that is gone, and that nobody holds open.
    private static void Sweep(string directory, string name)
    {
        foreach (var left in Directory.EnumerateFiles(directory, $".{name}.*.tmp"))
        {
            var parts = Path.GetFileName(left)[(name.Length + 2)..^4].Split('.');
            if (parts.Length != 2 || !int.TryParse(parts[0], out var process) || !Guid.TryParseExact(parts[1], "N", out _)
                || Path.Exists($"/proc/{process}") || !Path.Exists("/proc/self"))
                continue;
            try
            {
                using var abandoned = new FileStream(left,
                    new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, Share = FileShare.None });
                File.Delete(left);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // In use, swept by another writer, or not ours to delete.
            }
        }
    }
}
