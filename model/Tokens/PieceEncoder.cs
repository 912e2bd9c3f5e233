using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Tokenizers;

namespace Btx.Model.Tokens;

/// <summary>Ids of one pre-token. The merging itself is the tokenizer package's: every byte is given to it as its character of the
/// byte-level alphabet, so that bytes which are no text are merged by the same rules. Ours are the cache in front (most pre-tokens of a
/// text have been seen before), Llama 3's <c>ignore_merges</c>, which the package lacks, and the merging of very long pieces.</summary>
internal sealed class PieceEncoder
{
    private const int MaxPackageLength = 512;
    private readonly PreTokenCache _cache = new();
    private readonly BpeTokenizer _merger;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>? _wholePieces;
    private readonly Lazy<LongPieceMerger> _longPieces;
    private readonly int[][] _byteIds = new int[256][];

    public PieceEncoder(TokenizerDefinition definition)
    {
        var tokens = definition.Vocabulary.ToDictionary(e => e.Value, e => e.Key);
        _merger = BpeTokenizer.Create(new BpeOptions(definition.Vocabulary)
        {
            Merges = definition.Merges.Select(m => $"{tokens[m.Left]} {tokens[m.Right]}"),
        });
        if (definition.IgnoreMerges)
        {
            // A control token may stand in the vocabulary; text never becomes one.
            var control = definition.AddedTokens.Where(t => t.Special).Select(t => t.Id).ToHashSet();
            _wholePieces = definition.Vocabulary.Where(e => !control.Contains(e.Value)).ToDictionary(StringComparer.Ordinal)
                .GetAlternateLookup<ReadOnlySpan<char>>();
        }

        for (var b = 0; b < 256; b++) _byteIds[b] = [definition.Vocabulary[ByteAlphabet.Character((byte)b).ToString()]];
        _longPieces = new(() => new LongPieceMerger(definition.Merges, [.. _byteIds.Select(id => id[0])]));
    }

    /// <summary>The ids of <paramref name="piece"/>, at least one byte. The array is shared: read only.</summary>
    public int[] Encode(ReadOnlySpan<byte> piece)
    {
        if (piece.Length == 1) return _byteIds[piece[0]];
        if (piece.Length > PreTokenCache.MaxLength) return Merge(piece);
        if (_cache.Find(piece, out var hash) is { } known) return known;
        var ids = Merge(piece);
        _cache.Add(piece, hash, ids);
        return ids;
    }

    private int[] Merge(ReadOnlySpan<byte> piece)
    {
        if (piece.Length > MaxPackageLength && _wholePieces is null) return _longPieces.Value.Encode(piece);
        Span<char> characters = piece.Length <= MaxPackageLength ? stackalloc char[piece.Length] : new char[piece.Length];
        ByteAlphabet.ToCharacters(piece, characters);
        if (_wholePieces is { } whole && whole.TryGetValue(characters, out var id)) return [id];
        if (piece.Length > MaxPackageLength) return _longPieces.Value.Encode(piece);
        return [.. _merger.EncodeToIds(characters, considerPreTokenization: false, considerNormalization: false)];
    }
}

/// <summary>Remembers the ids of recent pre-tokens. Bounded, shared by all threads and free of locks: entries never change, and a slot is
/// replaced by one reference write, so a race costs at most a forgotten entry.</summary>
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
    private static ulong Hash(ReadOnlySpan<byte> bytes)
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

    private sealed record Entry(ulong Hash, byte[] Key, int[] Ids);
}

/// <summary>Byte-pair merging of pre-tokens too long for the tokenizer package, whose time grows with the square of a piece's length (a
/// megabyte without a space is one piece). A linked list of symbols and a queue of candidate pairs, n log n; the ids are those that the
/// package gives.</summary>
internal sealed class LongPieceMerger
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _rules;
    private readonly int[] _byteIds;

    public LongPieceMerger(IReadOnlyList<(int Left, int Right, int Merged)> merges, int[] byteIds)
    {
        _byteIds = byteIds;
        _rules = new Dictionary<(int, int), (int, int)>(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++) _rules.Add((merges[rank].Left, merges[rank].Right), (rank, merges[rank].Merged));
    }

    public int[] Encode(ReadOnlySpan<byte> piece)
    {
        const int Removed = -1;
        const int None = -1;
        var symbols = new int[piece.Length];
        var previous = new int[piece.Length];
        var next = new int[piece.Length];
        var queue = new PriorityQueue<(int Position, int Merged), long>();
        for (var i = 0; i < piece.Length; i++) (symbols[i], previous[i], next[i]) = (_byteIds[piece[i]], i - 1, i + 1);
        next[^1] = None;
        for (var i = 0; i + 1 < symbols.Length; i++) Offer(i, i + 1);
        var count = symbols.Length;
        while (queue.TryDequeue(out var candidate, out _))
        {
            var left = candidate.Position;
            if (symbols[left] == Removed || next[left] == None) continue;
            var right = next[left];
            // A candidate is stale once either of its symbols has been merged with another.
            if (!_rules.TryGetValue((symbols[left], symbols[right]), out var rule) || rule.Merged != candidate.Merged) continue;
            symbols[left] = rule.Merged;
            symbols[right] = Removed;
            next[left] = next[right];
            count--;
            if (next[left] != None)
            {
                previous[next[left]] = left;
                Offer(left, next[left]);
            }

            if (previous[left] != None) Offer(previous[left], left);
        }

        var ids = new int[count];
        for (int i = 0, at = 0; at != None; at = next[at]) ids[i++] = symbols[at];
        return ids;

        void Offer(int left, int right)
        {
            if (_rules.TryGetValue((symbols[left], symbols[right]), out var rule))
                queue.Enqueue((left, rule.Merged), ((long)rule.Rank << 32) | (uint)left);
        }
    }
}
