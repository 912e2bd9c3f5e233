using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Btx.Model.Tokens;

/// <summary>
/// Remembers the ids of recent pre-tokens. Bounded, shared by all threads and free of locks: entries never change, and a slot is
/// replaced by one reference write, so a race costs at most a forgotten entry.
/// </summary>
internal sealed class PreTokenCache
{
    /// <summary>Longer pre-tokens seldom come back.</summary>
    public const int MaxLength = 48;

    private const int SlotBits = 17;
    private readonly Entry?[] _entries = new Entry?[1 << SlotBits];

    /// <summary>The ids of <paramref name="bytes"/> (1 to <see cref="MaxLength"/> of them), or null if they are not known.</summary>
    public int[]? Find(ReadOnlySpan<byte> bytes, out ulong hash)
    {
        hash = Hash(bytes);
        var slot = (int)(hash >> (64 - SlotBits));
        if (_entries[slot] is { } entry && entry.Hash == hash && bytes.SequenceEqual(entry.Key)) return entry.Ids;
        if (_entries[slot ^ 1] is { } other && other.Hash == hash && bytes.SequenceEqual(other.Key)) return other.Ids;
        return null;
    }

    public void Add(ReadOnlySpan<byte> bytes, ulong hash, int[] ids)
    {
        var slot = (int)(hash >> (64 - SlotBits));
        // The newest takes the first place; what it displaces moves to the neighbour.
        if (_entries[slot] is { } displaced) _entries[slot ^ 1] = displaced;
        _entries[slot] = new Entry(hash, bytes.ToArray(), ids);
    }

    /// <summary>A quick mix, not a defence: collisions cost a comparison and a miss, nothing more.</summary>
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Prime = 0x9E3779B97F4A7C15;
        ref var at = ref MemoryMarshal.GetReference(bytes);
        var length = bytes.Length;
        var hash = (ulong)length * Prime;
        var i = 0;
        for (; i + 8 <= length; i += 8)
        {
            hash = (hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, i))) * Prime;
            hash ^= hash >> 32;
        }

        ulong tail = 0;
        for (; i < length; i++) tail = (tail << 8) | Unsafe.Add(ref at, i);
        hash = (hash ^ tail) * Prime;
        hash ^= hash >> 29;
        return hash * Prime;
    }

    private sealed class Entry(ulong hash, byte[] key, int[] ids)
    {
        public ulong Hash { get; } = hash;

        public byte[] Key { get; } = key;

        public int[] Ids { get; } = ids;
    }
}
