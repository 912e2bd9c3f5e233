namespace Btx.Model.Tokens;

/// <summary>What a <c>tokenizer.json</c> and a <c>tokenizer_config.json</c> say, checked: see <see cref="Validate"/>.</summary>
/// <param name="Vocabulary">The model's tokens in the byte-level alphabet, with their ids.</param>
/// <param name="Merges">Merge rules, best first: ids of the left token, the right token and what they make.</param>
/// <param name="Normalizer">What is done to text before splitting; null: nothing.</param>
/// <param name="IgnoreMerges">A pre-token that is in the vocabulary is that token, whatever the merge rules make of it.</param>
/// <param name="ConfigJson">The text of tokenizer_config.json as read, written back unchanged; null: written from what stands here.</param>
/// <param name="ConfigTemplate">What tokenizer_config.json has as <c>chat_template</c>.</param>
/// <param name="TemplateFile">The text of chat_template.jinja, which counts before that.</param>
public sealed record TokenizerDefinition(Dictionary<string, int> Vocabulary, IReadOnlyList<(int Left, int Right, int Merged)> Merges,
    IReadOnlyList<AddedToken> AddedTokens, SplitPattern Pattern, TextNormalizer? Normalizer, bool IgnoreMerges = false,
    string? BosToken = null, string? EosToken = null, bool AddBos = false, string? ConfigJson = null,
    string? ConfigTemplate = null, string? TemplateFile = null)
{
    public int? IdOf(string token) =>
        AddedTokens.FirstOrDefault(a => a.Content == token)?.Id ?? (Vocabulary.TryGetValue(token, out var id) ? id : null);

    /// <summary>Throws unless ids are unique and dense enough to index by, and every byte has a token.</summary>
    public void Validate(string source)
    {
        var count = Vocabulary.Count + AddedTokens.Count;
        var limit = (2L * count) + 65536;
        var seen = new Dictionary<int, string>(count);
        foreach (var (token, id) in Vocabulary)
        {
            if (id < 0 || id >= limit)
                throw new BtxException($"{source}: token {Quote(token)} has id {id}; expected 0 to {limit - 1} for {count} tokens");
            if (!seen.TryAdd(id, token)) throw new BtxException($"{source}: tokens {Quote(seen[id])} and {Quote(token)} share id {id}");
        }

        foreach (var added in AddedTokens)
        {
            if (added.Content.Length == 0) throw new BtxException($"{source}: added token {added.Id} is empty");
            if (added.Id < 0 || added.Id >= limit)
                throw new BtxException($"{source}: added token {Quote(added.Content)} has id {added.Id}; expected "
                    + $"0 to {limit - 1} for {count} tokens");
            if (!seen.TryAdd(added.Id, added.Content) && seen[added.Id] != added.Content)
                throw new BtxException($"{source}: tokens {Quote(seen[added.Id])} and {Quote(added.Content)} share id {added.Id}");
            if (Vocabulary.TryGetValue(added.Content, out var listed) && listed != added.Id)
                throw new BtxException($"{source}: added token {Quote(added.Content)} has id {added.Id}, but {listed} in the vocabulary");
        }

        for (var b = 0; b < 256; b++)
            if (!Vocabulary.ContainsKey(ByteAlphabet.Character((byte)b).ToString()))
                throw new BtxException($"{source}: no token for byte 0x{b:X2}; only byte-level BPE "
                    + "vocabularies with all 256 bytes are supported");

        var rules = new HashSet<(int, int)>(Merges.Count);
        foreach (var (left, right, merged) in Merges)
            if (!rules.Add((left, right))) throw new BtxException($"{source}: the merge rule for {Quote(seen[merged])} is listed twice");

        foreach (var (name, token) in new[] { ("bos_token", BosToken), ("eos_token", EosToken) })
            if (token is not null && IdOf(token) is null)
                throw new BtxException($"{source}: {name} {Quote(token)} is not in the vocabulary");

        if (AddBos && BosToken is null) throw new BtxException($"{source}: add_bos_token is true but there is no bos_token");
    }

    internal static string Quote(string token) => $"\"{BtxException.OneLine(token, 60)}\"";
}

/// <summary>The files of a model directory that say how text becomes tokens, and which of them end it.</summary>
public static class TokenizerFiles
{
    private static readonly string[] Names = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "generation_config.json", TextTokenizer.TemplateFileName];

    /// <summary>Copies those that are there, each file whole.</summary>
    public static void Copy(string from, string to)
    {
        foreach (var name in Names) AtomicFile.CopyIfThere(Path.Combine(from, name), Path.Combine(to, name));
    }
}
