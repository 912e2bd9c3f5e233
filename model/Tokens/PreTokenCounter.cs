namespace Btx.Model.Tokens;

/// <summary>Counts distinct pre-tokens: an open-addressing table over one growing arena of bytes, no object per entry.</summary>
internal sealed class PreTokenCounter
{
    private int[] _slots = new int[1 << 12];
    private ulong[] _hashes = new ulong[1 << 11];
    private int[] _starts = new int[(1 << 11) + 1];
    private long[] _counts = new long[1 << 11];
    private byte[] _arena = new byte[1 << 14];

    /// <summary>How many distinct pre-tokens there are.</summary>
    public int Count { get; private set; }

    public ReadOnlySpan<byte> Bytes(int index) => _arena.AsSpan(_starts[index], _starts[index + 1] - _starts[index]);

    public long Occurrences(int index) => _counts[index];

    public void Add(ReadOnlySpan<byte> bytes, long occurrences)
    {
        var hash = PreTokenCache.Hash(bytes);
        var mask = _slots.Length - 1;
        var slot = (int)(hash >> 32) & mask;
        for (; _slots[slot] != 0; slot = (slot + 1) & mask)
        {
            var index = _slots[slot] - 1;
            if (_hashes[index] != hash || !Bytes(index).SequenceEqual(bytes)) continue;
            _counts[index] += occurrences;
            return;
        }

        Append(bytes, hash, occurrences);
        _slots[slot] = Count;
        if (Count * 2 > _slots.Length) Rehash();
    }

    public void AddAll(PreTokenCounter other)
    {
        for (var i = 0; i < other.Count; i++) Add(other.Bytes(i), other.Occurrences(i));
    }

    private void Append(ReadOnlySpan<byte> bytes, ulong hash, long occurrences)
    {
        if (Count == _counts.Length)
        {
            Array.Resize(ref _counts, Count * 2);
            Array.Resize(ref _hashes, Count * 2);
            Array.Resize(ref _starts, (Count * 2) + 1);
        }

        var start = _starts[Count];
        if ((long)start + bytes.Length > Array.MaxLength)
            throw new BtxException("the corpus has over 2 GB of distinct words; train the tokenizer on a sample of it");
        if (start + bytes.Length > _arena.Length)
            Array.Resize(ref _arena, (int)Math.Min(Array.MaxLength, Math.Max((long)_arena.Length * 2, start + bytes.Length)));
        bytes.CopyTo(_arena.AsSpan(start));
        _hashes[Count] = hash;
        _counts[Count] = occurrences;
        _starts[++Count] = start + bytes.Length;
    }

    private void Rehash()
    {
        _slots = new int[_slots.Length * 2];
        var mask = _slots.Length - 1;
        for (var index = 0; index < Count; index++)
        {
            var slot = (int)(_hashes[index] >> 32) & mask;
            while (_slots[slot] != 0) slot = (slot + 1) & mask;
            _slots[slot] = index + 1;
        }
    }
}
