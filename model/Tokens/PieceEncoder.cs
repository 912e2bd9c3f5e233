using Microsoft.ML.Tokenizers;

namespace Btx.Model.Tokens;

/// <summary>
/// Ids of one pre-token. The merging itself is the tokenizer package's: every byte is given to it
/// as its character of the byte-level alphabet, so
/// that bytes which are no text are merged by the same rules. Ours are the cache in front
/// (most pre-tokens of a text have been seen before),
/// Llama 3's <c>ignore_merges</c>, which the package lacks, and the merging of very long pieces.
/// </summary>
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
