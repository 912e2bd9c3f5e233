using System.IO.MemoryMappedFiles;

namespace Btx.Model.Tensors;

/// <summary>
/// A safetensors file, memory-mapped read-only. Tensor data is used in place: pointers and spans stay valid until
/// <see cref="Dispose"/>. Thread-safe for reading.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private int disposed;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, byte* start, Dictionary<string, TensorInfo> tensors, Dictionary<string, string> metadata)
    {
        Path = path;
        this.map = map;
        this.view = view;
        this.start = start;
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>Absolute path.</summary>
    public string Path { get; }

    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <exception cref="BtxException">Missing, unreadable, truncated, overlapping, or otherwise not valid safetensors.</exception>
    public static SafetensorsFile Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1);
            var length = stream.Length;
            var lengthField = new byte[8];
            var got = stream.ReadAtLeast(lengthField, 8, throwOnEndOfStream: false);
            var headerLength = SafetensorsHeader.HeaderLength(lengthField.AsSpan(0, got), length, path);
            var prefix = new byte[8 + headerLength];
            lengthField.CopyTo(prefix, 0);
            stream.ReadExactly(prefix, 8, (int)headerLength);
            var (tensors, metadata) = SafetensorsHeader.Parse(prefix, length, path);
            map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            return new SafetensorsFile(path, map, view, pointer + view.PointerOffset, tensors, metadata);
        }
        catch (Exception e)
        {
            view?.Dispose();
            map?.Dispose();
            if (e is FileNotFoundException or DirectoryNotFoundException) throw new BtxException($"{path}: not found", e);
            if (e is IOException or UnauthorizedAccessException) throw new BtxException($"{path}: cannot be read: {e.Message}", e);
            throw;
        }
    }

    /// <exception cref="BtxException">No such tensor.</exception>
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
        if (destination.Length != info.ElementCount) throw new ArgumentException($"destination holds {destination.Length} elements, tensor {info.Name} has {info.ElementCount}", nameof(destination));
        TensorDtypes.ToSingle(info.Dtype, Pointer(info), destination);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }
}
