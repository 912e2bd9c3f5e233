using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Btx.Trainer.Shards;

/// <summary>What a <see cref="TokenShard"/>'s file begins with; 64 bytes, little-endian. Token ids follow.</summary>
/// <param name="Width">Bytes of an id: 2 or 4.</param>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal readonly record struct TokenShardHeader(ulong Magic, long Width, long Count, long Documents)
{
    public static ulong Expected { get; } = MemoryMarshal.Read<ulong>("BTXTOKS1"u8);
}

/// <summary>A text source as token ids, memory-mapped read-only: <c>&lt;|endoftext|&gt;</c> before each document and after the last.
/// Thread-safe for reading.</summary>
public sealed unsafe class TokenShard : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* data;
    private readonly TokenShardHeader header;

    /// <exception cref="InvalidDataException">Not a shard, or cut short.</exception>
    internal TokenShard(string name, string key, string path)
    {
        (Name, Key) = (name, key);
        var length = new FileInfo(path).Length;
        if (length < sizeof(TokenShardHeader)) throw new InvalidDataException("shorter than its header");
        map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
        header = *(TokenShardHeader*)start;
        data = start + sizeof(TokenShardHeader);
        if (header is { Width: 2 or 4, Count: >= 0 } && header.Magic == TokenShardHeader.Expected
            && length == sizeof(TokenShardHeader) + (Count * header.Width)) return;
        Dispose();
        throw new InvalidDataException("its header does not fit its size");
    }

    public string Name { get; }

    /// <summary>SHA-256 (hex) over the hashes of text and tokenizer and the choice of documents: equal keys mean equal tokens.</summary>
    public string Key { get; }

    /// <summary>Token ids in the shard, separators included.</summary>
    public long Count => header.Count;

    public long Documents => header.Documents;

    /// <summary>Copies <c>destination.Length</c> ids from <paramref name="start"/> on.</summary>
    public void CopyTo(long start, Span<long> destination)
    {
        if (start < 0 || start + destination.Length > Count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{start}+{destination.Length} of {Count} tokens");
        if (header.Width == 2)
        {
            for (var i = 0; i < destination.Length; i++) destination[i] = ((ushort*)data)[start + i];
        }
        else
            for (var i = 0; i < destination.Length; i++) destination[i] = ((int*)data)[start + i];
    }

    /// <summary>Throws unless a window of <paramref name="context"/> predicted tokens fits.</summary>
    public TokenShard Require(int context) => Count > context ? this
        : throw new BtxException($"text of {Name} has {Count} tokens; a training window needs {context + 1}: add text or lower --sequence");

    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }
}

/// <summary>Consecutive windows of a shard, each starting on the last token of the one before, so that every token but the first is
/// predicted once; with a limit, evenly spread ones.</summary>
public sealed class ValidationWindows
{
    private readonly TokenShard shard;
    private readonly long available;

    /// <param name="context">T: predicted tokens in a window; a shard shorter than that gives one shorter window.</param>
    public ValidationWindows(TokenShard shard, int context, int limit = int.MaxValue)
    {
        if (shard.Count < 2) throw new BtxException($"text of {shard.Name} has {shard.Count} tokens; nothing to predict");
        this.shard = shard;
        Context = (int)Math.Min(context, shard.Count - 1);
        available = (shard.Count - 1) / Context;
        Count = (int)Math.Min(limit, available);
    }

    /// <summary>Predicted tokens in each window.</summary>
    public int Context { get; }

    public int Count { get; }

    public string Name => shard.Name;

    /// <summary>The T + 1 tokens of a window.</summary>
    public long[] this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            var window = new long[Context + 1];
            shard.CopyTo(index * available / Count * Context, window);
            return window;
        }
    }

    /// <summary>The tokens of every window.</summary>
    public int[][] Tokens => [.. Enumerable.Range(0, Count).Select(i => Array.ConvertAll(this[i], id => (int)id))];
}
