using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Byte-pair encoding: the adjacent pair of best rank is merged until no rule applies.</summary>
public sealed class BpeTokenizer : Tokenizer
{
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _tokens = [];
    private readonly Dictionary<ulong, (int Rank, int Id)> _merges = [];
    private readonly int[] _characters = new int[512];

    private BpeTokenizer(BpeOptions options)
    {
        foreach (var (token, id) in options.Vocabulary)
        {
            _vocabulary.Add(token, id);
            _tokens.Add(id, token);
        }

        if (_vocabulary.Count == 0) throw new InvalidOperationException("The vocabulary cannot be empty.");
        PreTokenizer = options.PreTokenizer ?? PreTokenizer.CreateWordOrNonWord();
        ByteLevel = options.ByteLevel;
        for (var c = 0; c < _characters.Length; c++) _characters[c] = _vocabulary.GetValueOrDefault(((char)c).ToString(), -1);
        var rank = 0;
        foreach (var merge in options.Merges ?? [])
        {
            if (merge is null) throw new InvalidOperationException("The merge entries cannot be null.");
            var space = merge.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0 || space == merge.Length - 1 || merge.IndexOf(' ', space + 1) >= 0)
                throw new InvalidOperationException("Invalid merger file format");
            string left = merge[..space], right = merge[(space + 1)..];
            _merges.Add(Pair(Id(left), Id(right)), (rank++, Id(left + right)));
        }
    }

    public static BpeTokenizer Create(BpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BpeTokenizer(options);
    }

    public override PreTokenizer? PreTokenizer { get; }

    public bool ByteLevel { get; }

    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>The text of the tokens; ids without a token are left out.</summary>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            if (_tokens.TryGetValue(id, out var token)) text.Append(token);
        }

        return ByteLevel ? ByteAlphabet.ToText(text.ToString()) : text.ToString();
    }

    internal override void Encode(ReadOnlySpan<char> text, bool considerPreTokenization, List<int> ids)
    {
        if (!considerPreTokenization)
        {
            EncodePiece(text, ids);
            return;
        }

        foreach (var (offset, length) in PreTokenizer!.PreTokenize(text)) EncodePiece(text.Slice(offset, length), ids);
    }

    private void EncodePiece(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (piece.IsEmpty) return;
        Merge(ByteLevel ? ByteAlphabet.FromText(piece) : piece, ids);
    }

    private void Merge(ReadOnlySpan<char> piece, List<int> ids)
    {
        Span<int> symbols = piece.Length <= 256 ? stackalloc int[piece.Length] : new int[piece.Length];
        var count = 0;
        for (var i = 0; i < piece.Length;)
        {
            var length = char.IsHighSurrogate(piece[i]) && i + 1 < piece.Length && char.IsLowSurrogate(piece[i + 1]) ? 2 : 1;
            var id = length == 1 && piece[i] < _characters.Length ? _characters[piece[i]]
                : _vocabulary.GetValueOrDefault(piece.Slice(i, length).ToString(), -1);
            i += length;
            if (id >= 0) symbols[count++] = id; // no unknown token: the character is dropped
        }

        symbols = symbols[..count];
        count = count <= 48 ? MergeShort(symbols) : MergeLong(symbols);
        foreach (var symbol in symbols[..count]) ids.Add(symbol);
    }

    // Looks for the best pair among all, each time; the quickest way for words.
    private int MergeShort(Span<int> symbols)
    {
        Span<(int Rank, int Id)> merges = stackalloc (int, int)[symbols.Length];
        for (var i = 0; i + 1 < symbols.Length; i++) merges[i] = Find(symbols[i], symbols[i + 1]);
        var count = symbols.Length;
        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (merges[i].Rank < merges[best].Rank) best = i;
            }

            if (merges[best].Rank == int.MaxValue) break;
            symbols[best] = merges[best].Id;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            merges[(best + 2)..count].CopyTo(merges[(best + 1)..]);
            count--;
            if (best > 0) merges[best - 1] = Find(symbols[best - 1], symbols[best]);
            if (best + 1 < count) merges[best] = Find(symbols[best], symbols[best + 1]);
        }

        return count;
    }

    // A doubly linked list of symbols and a queue of candidate pairs: n log n in the piece's length.
    private int MergeLong(Span<int> symbols)
    {
        var next = new int[symbols.Length];
        var previous = new int[symbols.Length];
        for (var i = 0; i < symbols.Length; i++) (previous[i], next[i]) = (i - 1, i + 1);
        next[^1] = -1;
        var queue = new PriorityQueue<(int Position, int Id), long>();
        for (var i = 0; i + 1 < symbols.Length; i++) Offer(queue, symbols, i, i + 1);
        while (queue.TryDequeue(out var best, out _))
        {
            var right = symbols[best.Position] < 0 ? -1 : next[best.Position];
            if (right < 0 || Find(symbols[best.Position], symbols[right]).Id != best.Id) continue;
            symbols[best.Position] = best.Id;
            symbols[right] = -1;
            next[best.Position] = next[right];
            if (next[right] >= 0) previous[next[right]] = best.Position;
            if (previous[best.Position] >= 0) Offer(queue, symbols, previous[best.Position], best.Position);
            if (next[best.Position] >= 0) Offer(queue, symbols, best.Position, next[best.Position]);
        }

        var count = 0;
        for (var i = 0; i >= 0; i = next[i]) symbols[count++] = symbols[i];
        return count;
    }

    private void Offer(PriorityQueue<(int Position, int Id), long> queue, Span<int> symbols, int left, int right)
    {
        if (Find(symbols[left], symbols[right]) is { Id: >= 0 } merge) queue.Enqueue((left, merge.Id), ((long)merge.Rank << 32) | (uint)left);
    }

    private (int Rank, int Id) Find(int left, int right) => _merges.TryGetValue(Pair(left, right), out var merge) ? merge : (int.MaxValue, -1);

    // Times an odd number: one to one, and spread over the table (the halves of a plain pair would cancel in its hash code).
    private static ulong Pair(int left, int right) => unchecked((((ulong)(uint)left << 32) | (uint)right) * 0x9E3779B97F4A7C15);

    private int Id(string token) => _vocabulary.TryGetValue(token, out var id) ? id
        : throw new InvalidOperationException($"Trying to merge a token '{token}' which not exist in the vocabulary.");
}
