using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>Byte-level BPE, as Hugging Face's <c>tokenizer.json</c> describes it. Exact on any bytes: decoding gives back what was encoded,
/// ill-formed UTF-8 included (with a normalizer, what <see cref="Normalize"/> makes of it). Thread-safe; immutable.</summary>
/// <remarks>Merging is Microsoft.ML.Tokenizers' (see <see cref="PieceEncoder"/>). Files, splitting, special tokens and decoding are ours:
/// the package reads no tokenizer.json, and works on UTF-16 text, which cannot carry arbitrary bytes.</remarks>
public sealed class TextTokenizer
{
    internal const string TemplateFileName = "chat_template.jinja";
    private readonly TokenizerDefinition _definition;
    private readonly SpecialSpellings _spellings;
    private readonly PieceEncoder _pieces;
    private readonly AddedTokenMatcher?[,] _matchers = new AddedTokenMatcher?[2, 2]; // in normalised text; special tokens too
    private readonly byte[] _bytes;
    private readonly int[] _offsets;
    private readonly HashSet<int> _special;
    private readonly Lazy<string> _hash;

    internal TextTokenizer(TokenizerDefinition definition, string source)
    {
        definition.Validate(source);
        definition.Normalizer?.RequireData(source);
        _definition = definition;
        _pieces = new PieceEncoder(definition);
        foreach (var (normalized, special) in new[] { (false, false), (false, true), (true, false), (true, true) })
            _matchers[normalized ? 1 : 0, special ? 1 : 0] = AddedTokenMatcher.Create(
                definition.AddedTokens.Where(t => t.Normalized == normalized && (special || !t.Special)),
                normalized ? definition.Normalizer : null);
        _spellings = new([.. definition.AddedTokens.Where(t => t.Special)]);
        _special = [.. definition.AddedTokens.Where(t => t.Special).Select(t => t.Id)];
        (_bytes, _offsets) = TokenTable(definition);
        BosId = definition.BosToken is { } bos ? definition.IdOf(bos) : null;
        EosId = definition.EosToken is { } eos ? definition.IdOf(eos) : null;
        _hash = new(ComputeHash);
    }

    /// <summary>What its files say, for those who write it in another form.</summary>
    public TokenizerDefinition Definition => _definition;

    /// <summary>The highest id plus one. Ids without a token may lie below it.</summary>
    public int VocabSize => _offsets.Length - 1;

    /// <summary>The token that begins a document, if the tokenizer has one.</summary>
    public int? BosId { get; }

    /// <summary>The token that ends a document, if the tokenizer has one.</summary>
    public int? EosId { get; }

    /// <summary>Whether the model expects <see cref="BosId"/> before a text. <see cref="Encode(ReadOnlySpan{byte}, bool)"/> leaves that to
    /// its caller.</summary>
    public bool AddBos => _definition.AddBos;

    /// <summary>How the model wants a chat written, in Jinja: chat_template.jinja, else tokenizer_config.json's; null: it has
    /// none.</summary>
    public string? ChatTemplate => _definition.TemplateFile ?? _definition.ConfigTemplate;

    /// <summary>SHA-256, in hexadecimal, of what tokenizer.json says, however it is spelled: equal for equal tokenizers.</summary>
    public string Hash => _hash.Value;

    /// <summary>Reads tokenizer.json, and tokenizer_config.json and chat_template.jinja where they are there.</summary>
    /// <exception cref="BtxException">A file is missing, malformed, or asks for something that is not supported; names the file and the
    /// feature.</exception>
    public static TextTokenizer Load(string directory)
    {
        var path = Path.Combine(directory, "tokenizer.json");
        var config = Path.Combine(directory, "tokenizer_config.json");
        if (!File.Exists(path)) throw new BtxException($"{path}: no such file; expected a Hugging Face tokenizer");
        var template = Path.Combine(directory, TemplateFileName);
        return Parse(BoundedFile.Read(path), File.Exists(config) ? BoundedFile.Read(config) : null, path, config,
            File.Exists(template) ? Encoding.UTF8.GetString(BoundedFile.Read(template)) : null);
    }

    /// <summary>Writes tokenizer.json, tokenizer_config.json and a chat_template.jinja that was read, each whole or not at all.</summary>
    public void Save(string directory)
    {
        AtomicFile.Write(Path.Combine(directory, "tokenizer.json"),
            stream => TokenizerJsonWriter.Write(_definition, stream, toHash: false));
        AtomicFile.Write(Path.Combine(directory, "tokenizer_config.json"), stream => TokenizerJsonWriter.WriteConfig(_definition, stream));
        if (_definition.TemplateFile is { } template) AtomicFile.WriteText(Path.Combine(directory, TemplateFileName), template);
    }

    /// <summary>The ids of <paramref name="utf8OrAnyBytes"/>, without <see cref="BosId"/>.</summary>
    /// <param name="utf8OrAnyBytes">Any bytes. A byte that is no part of well-formed UTF-8 is a symbol like punctuation.</param>
    /// <param name="allowSpecial">Whether the text of a special token stands for that token. Leave it false for text from outside.</param>
    public int[] Encode(ReadOnlySpan<byte> utf8OrAnyBytes, bool allowSpecial = false)
    {
        var ids = new List<int>((utf8OrAnyBytes.Length / 3) + 16);
        Encode(utf8OrAnyBytes, allowSpecial, normalized: false, ids);
        return [.. ids];
    }

    /// <summary>The ids of <paramref name="text"/>, without <see cref="BosId"/>. A lone surrogate is encoded as U+FFFD.</summary>
    public int[] Encode(string text, bool allowSpecial = false)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var ids = Encode(buffer.AsSpan(0, Encoding.UTF8.GetBytes(text, buffer)), allowSpecial);
        ArrayPool<byte>.Shared.Return(buffer);
        return ids;
    }

    /// <summary>Breaks every special token that <paramref name="text"/> spells out, so that it stays text for
    /// <see cref="EncodeParted"/>.</summary>
    /// <param name="divider">What it is broken with: a character that no special token has.</param>
    public string Part(string text, char divider) => _spellings.Part(text, divider);

    /// <summary>The ids of a text in which special tokens stand for themselves, but for those that were broken
    /// (<see cref="Part"/>); dividers are dropped. Without <see cref="BosId"/>, unless the text has it.</summary>
    public int[] EncodeParted(string text, char divider)
    {
        var ids = new List<int>();
        foreach (var (part, special) in _spellings.Split(text))
        {
            ids.AddRange(Encode(part.Replace(divider.ToString(), "", StringComparison.Ordinal)));
            if (special is { } id) ids.Add(id);
        }

        return [.. ids];
    }

    /// <summary>The text that is encoded in place of <paramref name="text"/>: what the tokens of
    /// a text give back, added tokens apart.</summary>
    public string Normalize(string text) => _definition.Normalizer?.Apply(text) ?? text;

    /// <summary>The bytes of all <paramref name="ids"/>, special tokens included. Ids without a token have none.</summary>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids) => Collect(ids, skipSpecial: false).WrittenSpan.ToArray();

    /// <summary>The text of <paramref name="ids"/>; ill-formed UTF-8 becomes U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true) => Encoding.UTF8.GetString(Collect(ids, skipSpecial).WrittenSpan);

    /// <summary>The bytes that one token stands for; empty where the id has no token.</summary>
    public ReadOnlyMemory<byte> TokenBytes(int id) =>
        (uint)id < (uint)VocabSize ? _bytes.AsMemory(_offsets[id], _offsets[id + 1] - _offsets[id]) : default;

    /// <summary>Whether <paramref name="id"/> is a control token, which has no part in decoded text.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>The id of the token whose written form is <paramref name="token"/> (added tokens as they
    /// read, others in the byte-level alphabet).</summary>
    public int? TokenId(string token) => _definition.IdOf(token);

    internal static TextTokenizer Parse(ReadOnlyMemory<byte> tokenizerJson, byte[]? configJson, string source, string? configSource = null,
        string? template = null)
    {
        var definition = TokenizerJsonReader.Read(tokenizerJson, source);
        if (configJson is not null) definition = TokenizerJsonReader.ApplyConfig(definition, configJson, configSource ?? source);
        return new TextTokenizer(definition with { TemplateFile = template }, source);
    }

    private static (byte[] Bytes, int[] Offsets) TokenTable(TokenizerDefinition definition)
    {
        var size = 1 + Math.Max(definition.Vocabulary.Values.Max(), definition.AddedTokens.Select(t => t.Id).DefaultIfEmpty(0).Max());
        var tokens = new byte[size][];
        foreach (var (token, id) in definition.Vocabulary) tokens[id] = ByteAlphabet.ToBytes(token) ?? Encoding.UTF8.GetBytes(token);
        foreach (var added in definition.AddedTokens) tokens[added.Id] = Encoding.UTF8.GetBytes(added.Content);
        var offsets = new int[size + 1];
        for (var id = 0; id < size; id++) offsets[id + 1] = offsets[id] + (tokens[id]?.Length ?? 0);
        var bytes = new byte[offsets[size]];
        for (var id = 0; id < size; id++) tokens[id]?.CopyTo(bytes, offsets[id]);
        return (bytes, offsets);
    }

    // First the tokens that are matched in the text as given, then, between them, those of the normalised text.
    private void Encode(ReadOnlySpan<byte> text, bool allowSpecial, bool normalized, List<int> ids)
    {
        var matcher = _matchers[normalized ? 1 : 0, allowSpecial ? 1 : 0];
        int at = 0, search = 0;
        while (matcher is not null && matcher.Next(text, ref search, at, out var start, out var end, out var id))
        {
            if (start > at) Between(text[at..start]);
            ids.Add(id);
            at = end;
        }

        Between(text[at..]);

        void Between(ReadOnlySpan<byte> part)
        {
            if (normalized) EncodeOrdinary(part, ids);
            else Encode(_definition.Normalizer is { } normalizer ? normalizer.Apply(part) : part, allowSpecial, normalized: true, ids);
        }
    }

    private void EncodeOrdinary(ReadOnlySpan<byte> text, List<int> ids)
    {
        var scanner = new PreTokenScanner(text, _definition.Pattern);
        for (var at = 0; at < text.Length;)
        {
            var end = scanner.End(at);
            var piece = _pieces.Encode(text[at..end]);
            if (piece.Length == 1) ids.Add(piece[0]);
            else ids.AddRange(piece.AsSpan());
            at = end;
        }
    }

    private ArrayBufferWriter<byte> Collect(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var bytes = new ArrayBufferWriter<byte>((ids.Length * 4) + 16);
        foreach (var id in ids)
            if (!skipSpecial || !IsSpecial(id)) bytes.Write(TokenBytes(id).Span);
        return bytes;
    }

    private string ComputeHash()
    {
        using var stream = new MemoryStream();
        TokenizerJsonWriter.Write(_definition, stream, toHash: true);
        return Convert.ToHexStringLower(SHA256.HashData(stream.GetBuffer().AsSpan(0, (int)stream.Length)));
    }
}
