using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Tensors;

/// <summary>A safetensors file, memory-mapped read-only. Tensor data is used in place: pointers and spans stay valid until
/// <see cref="Dispose"/>. Whoever cuts a mapped file ends the process that reads it; a server maps private copies. Thread-safe for
/// reading.</summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private int disposed;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, byte* start,
        Dictionary<string, TensorInfo> tensors, Dictionary<string, string> metadata)
    {
        (this.map, this.view) = (map, view);
        this.start = start;
        (Path, Tensors, Metadata) = (path, tensors, metadata);
    }

    /// <summary>Absolute path.</summary>
    public string Path { get; }

    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The copy that is mapped; null where the file itself is.</summary>
    public PrivateCopy? Copy { get; private init; }

    /// <summary>Maps a file; links are followed.</summary>
    /// <exception cref="BtxException">Missing, unreadable, no regular file, truncated, overlapping, or otherwise not valid
    /// safetensors.</exception>
    public static SafetensorsFile Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        using var file = OpenFile.Read(path);
        return Map(file, path, null);
    }

    /// <summary>Maps a private copy.</summary>
    /// <param name="copy">Taken over, also if this throws.</param>
    public static SafetensorsFile Open(PrivateCopy copy)
    {
        try
        {
            return Map(copy.Content, copy.Path, copy);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    private static SafetensorsFile Map(SafeFileHandle file, string path, PrivateCopy? copy)
    {
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            var length = RandomAccess.GetLength(file);
            var lengthField = new byte[8];
            var got = RandomAccess.Read(file, lengthField, 0);
            var headerLength = SafetensorsHeader.HeaderLength(lengthField.AsSpan(0, got), length, path);
            var prefix = new byte[8 + headerLength];
            for (var at = 0; at < prefix.Length; at += got)
            {
                got = RandomAccess.Read(file, prefix.AsSpan(at), at);
                if (got == 0) throw new BtxException($"{path}: became shorter while it was read");
            }

            var (tensors, metadata) = SafetensorsHeader.Parse(prefix, length, path);
            map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            return new SafetensorsFile(path, map, view, pointer + view.PointerOffset, tensors, metadata) { Copy = copy };
        }
        catch (Exception e)
        {
            view?.Dispose();
            map?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new BtxException($"{path}: cannot be read: {e.Message}", e);
            throw;
        }
    }

    public TensorInfo this[string name] =>
        Tensors.TryGetValue(name, out var info) ? info : throw new BtxException($"{Path}: has no tensor \"{name}\"");

    /// <summary>The tensor's first byte in the mapped file; owned by this object.</summary>
    public byte* Pointer(TensorInfo info)
    {
        ObjectDisposedException.ThrowIf(disposed != 0, this);
        return start + info.Offset;
    }

    /// <summary>Copies a floating tensor into <paramref name="destination"/> as fp32; lengths must agree.</summary>
    public void CopyTo(TensorInfo info, Span<float> destination)
    {
        if (destination.Length != info.ElementCount)
            throw new ArgumentException($"destination holds {destination.Length} elements, tensor {info.Name} has {info.ElementCount}",
                nameof(destination));
        TensorDtypes.ToSingle(info.Dtype, Pointer(info), destination);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
        Copy?.Dispose();
    }
}
