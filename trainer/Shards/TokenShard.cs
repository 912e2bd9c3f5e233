using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Btx.Trainer.Shards;

/// <summary>
/// A text source as token ids, memory-mapped read-only: <c>&lt;|endoftext|&gt;</c> before each document and after the last.
/// File: 64-byte header, then ids of 2 or 4 bytes, little-endian. Thread-safe for reading.
/// </summary>
public sealed unsafe class TokenShard : IDisposable
{
    internal const int HeaderBytes = 64;
    internal static readonly byte[] Magic = "BTXTOKS1"u8.ToArray();

    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* data;
    private readonly int width;

    private TokenShard(string name, string key, string path)
    {
        Name = name;
        Key = key;
        var length = new FileInfo(path).Length;
        if (length < HeaderBytes) throw new InvalidDataException("shorter than its header");
        map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
        var header = new ReadOnlySpan<byte>(start, HeaderBytes);
        width = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        Count = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
        Documents = BinaryPrimitives.ReadInt64LittleEndian(header[24..]);
        data = start + HeaderBytes;
        if (header[..8].SequenceEqual(Magic) && width is 2 or 4 && Count >= 0 && length == HeaderBytes + (Count * width)) return;
        Dispose();
        throw new InvalidDataException("its header does not fit its size");
    }

    /// <summary>Name of the text source.</summary>
    public string Name { get; }

    /// <summary>SHA-256 (hex) over the text's hash, the choice of documents and the
    /// tokenizer's hash: equal keys mean equal tokens.</summary>
    public string Key { get; }

    /// <summary>Token ids in the shard, separators included.</summary>
    public long Count { get; }

    public long Documents { get; }

    /// <exception cref="InvalidDataException">Not a shard, or cut short.</exception>
    internal static TokenShard Open(string name, string key, string path) => new(name, key, path);

    /// <summary>Copies <c>destination.Length</c> ids from <paramref name="start"/> on.</summary>
    public void CopyTo(long start, Span<long> destination)
    {
        if (start < 0 || start + destination.Length > Count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{start}+{destination.Length} of {Count} tokens");
        if (width == 2)
        {
            var source = (ushort*)data + start;
            for (var i = 0; i < destination.Length; i++) destination[i] = source[i];
        }
        else
        {
            var source = (int*)data + start;
            for (var i = 0; i < destination.Length; i++) destination[i] = source[i];
        }
    }

    /// <summary>Throws unless a window of <paramref name="context"/> predicted tokens fits.</summary>
    /// <exception cref="BtxException">It does not; names the source.</exception>
    public TokenShard Require(int context)
    {
        if (Count <= context)
            throw new BtxException(
                $"text of {Name} has {Count} tokens; a training window needs {context + 1}: add text or lower --sequence");
        return this;
    }

    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }
}
