using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>
/// Makes private copies of weight files, one of each file however often it is asked for. On disk a copy is a reflink where the file system
/// has
/// them, which costs nothing, and otherwise as many bytes as the file has; in memory it is sealed. Thread-safe.
/// </summary>
public sealed class PrivateCopies
{
    private const int Block = 4 << 20;

    private readonly Lock gate = new();
    private readonly Dictionary<(string Path, FileStat Stat), PrivateCopy> live = []; // under gate

    /// <summary>Bytes of all copies that are held.</summary>
    public long Bytes
    {
        get
        {
            lock (gate) return live.Values.Sum(c => c.Stat.Length);
        }
    }

    /// <summary>A copy of a file inside a directory, to be disposed of by the caller. No part of the path may be a link.</summary>
    /// <param name="path">Of the file.</param>
    /// <param name="places">Directories for copies on disk, the first that can be written; none: in memory.</param>
    /// <exception cref="BtxException">The file is missing, no regular file of its own, or changes meanwhile; or there is no
    /// room.</exception>
    /// <exception cref="OperationCanceledException">Between two blocks.</exception>
    public PrivateCopy Take(OpenFolder directory, string path, IReadOnlyList<string> places, CancellationToken cancellation)
    {
        var original = directory.Read(Path.GetRelativePath(directory.Path, path));
        SafeFileHandle? content = null;
        try
        {
            var stat = FileStat.Of(original);
            if (stat.Problem is { } problem) throw new BtxException($"{path}: {problem}; replace it by a copy");
            lock (gate)
            {
                if (live.TryGetValue((path, stat), out var same) && same.TryHold())
                {
                    original.Dispose();
                    return same;
                }
            }

            content = stat.Immutable ? OpenFile.Read(OpenFile.Link(original)) : Copy(original, stat.Length, path, places, cancellation);
            if (FileStat.Of(original) != stat)
                throw new BtxException($"{path}: changed while it was read; try again when nothing writes there");
            var copy = new PrivateCopy(path, original, stat, content, Forget);
            lock (gate) live[(path, stat)] = copy;
            return copy;
        }
        catch
        {
            content?.Dispose();
            original.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Copy(SafeFileHandle from, long length, string path, IReadOnlyList<string> places,
        CancellationToken cancellation)
    {
        using var to = UnnamedFile.Create(places);
        try
        {
            if (!UnnamedFile.TryClone(from, to))
            {
                var buffer = new byte[Math.Min(Block, Math.Max(1, length))];
                for (long at = 0; at < length;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var read = RandomAccess.Read(from, buffer, at);
                    if (read == 0) throw new BtxException($"{path}: became shorter while it was read; try again when nothing writes there");
                    RandomAccess.Write(to, buffer.AsSpan(0, read), at);
                    at += read;
                }
            }

            return UnnamedFile.Seal(to);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            throw new BtxException($"{path}: no private copy of its {length} bytes can be made ({BtxException.OneLine(e.Message)}); "
                + $"free that much, or see --weights-copy", e);
        }
    }

    private void Forget(PrivateCopy copy)
    {
        lock (gate)
        {
            var key = (copy.Path, copy.Stat);
            if (live.TryGetValue(key, out var listed) && ReferenceEquals(listed, copy)) live.Remove(key);
        }
    }
}
