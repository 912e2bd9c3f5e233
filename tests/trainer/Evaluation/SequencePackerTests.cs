using System.Text;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Tokens;
using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class SequencePackerTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("btx-test-").FullName;
    private readonly TextTokenizer tokenizer;

    public SequencePackerTests()
    {
        TinyForest.WriteTokenizer(directory);
        tokenizer = TextTokenizer.Load(directory);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(1000)]
    public void Every_token_of_the_text_is_predicted_exactly_once(int context)
    {
        string[] documents = [.. Enumerable.Range(0, 9).Select(i => EvaluationWorld.Text(i, 1 + (i * 11))), "x", ""];
        var sequences = SequencePacker.Pack(documents, tokenizer, context);
        Assert.All(sequences, s => Assert.InRange(s.Length, 2, context));
        Assert.All(sequences, s => Assert.Equal(TinyForest.EndOfTextId, s[0]));
        Assert.Equal(documents.SelectMany(d => tokenizer.Encode(d)), sequences.SelectMany(s => s.Skip(1)));
        Assert.Equal(documents.Sum(Encoding.UTF8.GetByteCount), SequencePacker.Bytes(sequences, tokenizer));
        Assert.DoesNotContain(sequences.SelectMany(s => s.Skip(1)), id => id == TinyForest.EndOfTextId);
    }

    [Fact]
    public void No_sequence_holds_two_documents()
    {
        var sequences = SequencePacker.Pack(["one two", "three"], tokenizer, 1000);
        Assert.Equal(["one two", "three"], sequences.Select(s => tokenizer.Decode(s.AsSpan(1))));
    }

    [Fact]
    public void A_limit_keeps_sequences_from_the_whole_text()
    {
        var all = SequencePacker.Pack([EvaluationWorld.Text(1, 3000)], tokenizer, 32);
        var some = SequencePacker.Pack([EvaluationWorld.Text(1, 3000)], tokenizer, 32, 1000);
        Assert.InRange(some.Sum(s => s.Length - 1), 900, 1000);
        var places = some.Select(s => all.FindIndex(a => a.SequenceEqual(s))).ToArray();
        Assert.Equal(0, places[0]);
        Assert.True(places[^1] > all.Count * 0.9, "the end of the text is left out");
        Assert.Equal(places.Order(), places);
        Assert.Equal(all.Count, SequencePacker.Pack([EvaluationWorld.Text(1, 3000)], tokenizer, 32, 1_000_000).Count);
        Assert.Single(SequencePacker.Pack([EvaluationWorld.Text(1, 3000)], tokenizer, 32, 1));
    }

    [Fact]
    public void A_context_of_one_leaves_nothing_to_predict() => Assert.Throws<BtxException>(() => SequencePacker.Pack(["x"], tokenizer, 1));
}
