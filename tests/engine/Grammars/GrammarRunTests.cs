using Btx.Engine.Grammars;
using static Btx.Engine.Tests.Grammars.JsonVocabulary;

namespace Btx.Engine.Tests.Grammars;

/// <summary>The mask over the vocabulary is what trying every token byte by byte gives.</summary>
public sealed class GrammarRunTests
{
    public static TheoryData<string, bool> Schemas { get; } = new()
    {
        { """{"properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}},"required":["name"]}""", false },
        { """{"properties":{"a":{"type":"string","minLength":2,"maxLength":6},"b":{"type":"number"}},"required":["a","b"]}""", false },
        { """{"anyOf":[{"type":"array","items":{"maximum":50}},{"type":"array","items":{"enum":["x","yes","Zoë"]}}]}""", false },
        { """{"type":"array","items":{"type":"string","pattern":"^[a-z ]*\"?$"}}""", false },
        { """{"type":"object","properties":{"name":{"type":"integer"}},"additionalProperties":{"type":["string","boolean"]}}""", true },
        { """{"type":"object"}""", true },
    };

    [Theory]
    [MemberData(nameof(Schemas))]
    public void The_mask_is_what_trying_each_token_gives(string schema, bool hasOtherKeys)
    {
        var random = new Random(9);
        var grammar = Grammar(schema);
        for (var round = 0; round < 8; round++)
        {
            var max = grammar.LeastBytes + random.Next(40);
            var history = Answer(grammar, max, random);
            history = history[..random.Next(history.Count)];
            var left = max - history.Count;
            var allowed = Ids(At(grammar, history, max).Mask(left)).ToHashSet();
            foreach (var token in Enumerable.Range(0, Trie.VocabSize).Where(v => Trie.Bytes(v).Length > 0 && !Tokenizer.IsSpecial(v)))
            {
                var expected = Follows(grammar, history, token, max, left);
                // No undeclared key begins and ends in one token.
                var told = $"{Written([token])} after {Written(history)} with {left} left: {expected}";
                if (hasOtherKeys && Trie.Bytes(token).Count((byte)'"') > 1) Assert.True(expected || !allowed.Contains(token), told);
                else Assert.True(expected == allowed.Contains(token), told);
            }
        }
    }

    [Fact]
    public void A_key_comes_once_however_it_is_cut_into_tokens()
    {
        var run = new GrammarRun(Grammar("""{"type":"object","properties":{"nam":{}},"additionalProperties":true}"""), Trie, 500);
        foreach (var b in "{\"na\":1,\"nb\":2,\"n"u8) run.Advance(ByteToken(b), 500);
        var quoted = Ids(run.Mask(500)).Select(v => Written([v])).Where(t => t.Contains('"', StringComparison.Ordinal)).ToList();
        Assert.Contains("\"", quoted); // the key "n" is new
        run.Advance(ByteToken((byte)'a'), 500);
        Assert.DoesNotContain(Ids(run.Mask(500)), v => Written([v]).StartsWith('"'));
        run.Advance(ByteToken((byte)'m'), 500);
        Assert.DoesNotContain(Ids(run.Mask(500)), v => Written([v]).StartsWith('"')); // declared
        run.Advance(ByteToken((byte)'e'), 500);
        Assert.Contains(Ids(run.Mask(500)), v => Written([v]).StartsWith('"'));
    }

    [Fact]
    public void A_number_of_keys_is_the_most_that_an_object_has()
    {
        var run = new GrammarRun(OutputGrammar.AnyObject, Trie, 100_000);
        void Write(string text)
        {
            foreach (var b in System.Text.Encoding.UTF8.GetBytes(text)) run.Advance(ByteToken(b), 100_000);
        }

        Write("{\"0\":1");
        for (var i = 1; i < 128; i++) Write($",\"{i}\":1");
        Assert.DoesNotContain(ByteToken((byte)','), Ids(run.Mask(1000)));
        Write("}");
        Assert.True(run.IsComplete && !run.CanGoOn(1000));
    }

    [Fact]
    public void A_vocabulary_that_lacks_a_byte_cannot_be_held_to_a_grammar()
    {
        Assert.Null(Trie.Problem);
        Assert.Contains("no token for the single byte 0x", new TokenTrie(Tokenizer, 200).Problem, StringComparison.Ordinal);
    }

    private static GrammarRun At(OutputGrammar grammar, IReadOnlyList<int> history, int max)
    {
        var run = new GrammarRun(grammar, Trie, max);
        foreach (var (i, token) in history.Index()) run.Advance(token, max - i - 1);
        return run;
    }

    // As single bytes with room to spare, and an end in reach behind the last.
    private static bool Follows(OutputGrammar grammar, IReadOnlyList<int> history, int token, int max, int left)
    {
        var run = At(grammar, history, max);
        try
        {
            var bytes = Trie.Bytes(token);
            for (var i = 0; i < bytes.Length; i++) run.Advance(ByteToken(bytes[i]), i == bytes.Length - 1 ? left - 1 : 1_000_000);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
