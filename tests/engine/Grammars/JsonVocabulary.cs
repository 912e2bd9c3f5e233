using System.Text;
using System.Text.Json;
using Btx.Engine.Grammars;
using Btx.Model.Tokens;

namespace Btx.Engine.Tests.Grammars;

/// <summary>A byte-level vocabulary that was trained on JSON, so that its tokens reach over quotes, commas and braces, and a model that
/// finds every token equally likely.</summary>
internal static class JsonVocabulary
{
    public static TextTokenizer Tokenizer { get; } = Train();

    public static TokenTrie Trie { get; } = new(Tokenizer, Tokenizer.VocabSize);

    public static OutputGrammar Grammar(string schema) =>
        OutputGrammar.FromSchema(JsonElement.Parse(schema, new JsonDocumentOptions { MaxDepth = 100 }), "schema");

    public static string Written(IReadOnlyList<int> tokens) => Encoding.UTF8.GetString(Tokenizer.DecodeBytes([.. tokens]));

    /// <summary>The ids that a mask has.</summary>
    public static List<int> Ids(ulong[] mask) => [.. Enumerable.Range(0, Trie.VocabSize).Where(v => (mask[v >> 6] >> v & 1) != 0)];

    /// <summary>The id of a byte's own token.</summary>
    public static int ByteToken(byte value) => Trie.TokensAt(Trie.Child(0, value))[0];

    /// <summary>A random answer. There is a way on at every step.</summary>
    public static List<int> Answer(OutputGrammar grammar, int maxTokens, Random random)
    {
        var run = new GrammarRun(grammar, Trie, maxTokens);
        var tokens = new List<int>();
        while (true)
        {
            var left = maxTokens - tokens.Count;
            if (run.IsComplete && (left == 0 || random.Next(4) == 0 || !run.CanGoOn(left))) return tokens;
            var allowed = Ids(run.Mask(left));
            Assert.True(allowed.Count > 0, $"nothing may follow {Written(tokens)} with {left} tokens left");
            var token = allowed[random.Next(allowed.Count)];
            tokens.Add(token);
            run.Advance(token, left - 1);
        }
    }

    private static TextTokenizer Train()
    {
        var random = new Random(1);
        string[] names = ["name", "age", "tags", "kind", "a", "b", "next", "value"];
        object Value() => random.Next(4) switch
        {
            0 => random.Next(-1000, 1000),
            1 => new[] { "x", "yes", "Zoë" },
            2 => new Dictionary<string, object?> { ["a"] = true, ["b"] = null },
            _ => "the old \"word\"",
        };
        var documents = Enumerable.Range(0, 400).Select(_ =>
            JsonSerializer.Serialize(names.Take(1 + random.Next(names.Length)).ToDictionary(n => n, _ => Value())));
        return BpeTrainer.Train(documents.SelectMany(d => new[] { d, d.Replace(",", ", ", StringComparison.Ordinal) }), 700,
            ["<|endoftext|>"]);
    }
}
