using System.Text;
using System.Text.Json;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

public sealed class BpeTrainerTests
{
    private static readonly string[] EndOfText = ["<|endoftext|>"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Learns_the_rules_that_counting_from_scratch_finds(int seed)
    {
        var documents = RandomDocuments(seed);
        var tokenizer = BpeTrainer.Train(documents, 256 + 1 + 80, EndOfText);
        var symbols = Enumerable.Range(1, 256).Select(id => Encoding.Latin1.GetString(tokenizer.TokenBytes(id).Span)).ToList();
        // Letters and spaces only, so that every pre-token is a run of letters with at most one space before it, and nothing else.
        var words = documents.SelectMany(d => System.Text.RegularExpressions.Regex.Matches(d, " ?[a-e]+").Select(m => m.Value));
        var counts = words.GroupBy(w => w).ToDictionary(g => g.Key, g => g.Count());
        var expected = NaiveBpe.Train(counts, symbols, Merges(tokenizer).Count);
        Assert.Equal(80, Merges(tokenizer).Count);
        Assert.Equal(expected.Select(r => $"{r.Left}|{r.Right}"), Merges(tokenizer).Select(r => $"{r.Left}|{r.Right}".Replace('Ġ', ' ')));
    }

    [Fact]
    public void The_order_of_documents_and_the_kind_of_input_make_no_difference()
    {
        var documents = RandomDocuments(4);
        var first = BpeTrainer.Train(documents, 400, EndOfText);
        var reversed = BpeTrainer.Train(documents.Reverse(), 400, EndOfText);
        var bytes = BpeTrainer.Train(documents.Select(d => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(d)), 400, EndOfText);
        Assert.Equal(first.Hash, reversed.Hash);
        Assert.Equal(first.Hash, bytes.Hash);
    }

    [Fact]
    public void The_first_special_token_begins_and_ends_documents()
    {
        var tokenizer = BpeTrainer.Train(["some text, some more text"], 300, ["<|endoftext|>", "<|pad|>"]);
        Assert.Equal((0, 0, true), (tokenizer.BosId, tokenizer.EosId, tokenizer.AddBos));
        Assert.True(tokenizer.IsSpecial(0) && tokenizer.IsSpecial(1) && !tokenizer.IsSpecial(2));
        Assert.Equal([0], tokenizer.Encode("<|endoftext|>", allowSpecial: true));
        Assert.DoesNotContain(0, tokenizer.Encode("<|endoftext|>"));
    }

    [Fact]
    public void Text_never_becomes_a_control_token()
    {
        var tokenizer = BpeTrainer.Train(Enumerable.Repeat("the the the", 20), 300, ["the"]);
        Assert.DoesNotContain(0, tokenizer.Encode("the the"));
        Assert.Equal("the the", tokenizer.Decode(tokenizer.Encode("the the")));
    }

    [Fact]
    public void A_size_that_the_text_cannot_fill_gives_fewer_tokens()
    {
        var tokenizer = BpeTrainer.Train(["abab"], 10_000, EndOfText);
        Assert.Equal(258, tokenizer.VocabSize);
        Assert.Equal([257, 257], tokenizer.Encode("abab"));
    }

    [Fact]
    public void Complaints_name_the_number_and_the_remedy()
    {
        Assert.Contains("at least 257", Assert.Throws<BtxException>(() => BpeTrainer.Train(["x"], 256, EndOfText)).Message);
        Assert.Contains("no text", Assert.Throws<BtxException>(() => BpeTrainer.Train([""], 300, EndOfText)).Message);
        Assert.Contains("stands for a byte", Assert.Throws<BtxException>(() => BpeTrainer.Train(["x"], 300, ["a"])).Message);
        Assert.Contains("distinct", Assert.Throws<BtxException>(() => BpeTrainer.Train(["x"], 300, ["a", "a"])).Message);
    }

    [Fact]
    public void A_document_that_cannot_be_read_is_reported_as_such()
    {
        var failure = Assert.Throws<BtxException>(() => BpeTrainer.Train(Failing(), 300, EndOfText));
        Assert.Equal("cannot read the third document", failure.Message);

        static IEnumerable<string> Failing()
        {
            yield return "one";
            yield return "two";
            throw new BtxException("cannot read the third document");
        }
    }

    [Fact]
    public void Reports_progress_up_to_one_and_stops_when_asked()
    {
        var reports = new List<double>();
        BpeTrainer.Train(RandomDocuments(5), 400, EndOfText, new Recorder(reports.Add));
        Assert.Equal(0, reports[0]);
        Assert.Equal(1, reports[^1]);
        Assert.Equal(reports.Order(), reports);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => BpeTrainer.Train(
            RandomDocuments(5), 400, EndOfText, new Recorder(done => { if (done > 0.3) stop.Cancel(); }), stop.Token));
    }

    internal static string[] RandomDocuments(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 60).Select(_ => string.Join(' ', Enumerable.Range(0, 30).Select(_ => Word())))];

        // A skewed choice of letters, with runs such as "aaa".
        string Word() =>
            string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => (char)('a' + Math.Min(random.Next(5), random.Next(5)))));
    }

    internal static List<(string Left, string Right)> Merges(TextTokenizer tokenizer)
    {
        using var directory = new TemporaryDirectory();
        tokenizer.Save(directory.Path);
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory.Path, "tokenizer.json")));
        return [.. json.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray().Select(m => m.GetString()!.Split(' '))
            .Select(p => (p[0], p[1]))];
    }

    private static IEnumerable<string> Tokens(TextTokenizer tokenizer) =>
        Enumerable.Range(0, tokenizer.VocabSize).Select(id => Encoding.Latin1.GetString(tokenizer.TokenBytes(id).Span));

    private sealed class Recorder(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
