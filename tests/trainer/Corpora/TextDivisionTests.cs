using System.Globalization;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Corpora;

public sealed class TextDivisionTests
{
    [Fact]
    public void A_document_that_no_split_could_take_whole_is_divided_and_the_rest_stay_whole()
    {
        CorpusDocument[] documents = [new("book", Prose(400_000)), .. Enumerable.Range(0, 3).Select(i => new CorpusDocument($"note-{i}", Prose(424)))];
        var divided = new List<string>();
        var units = TextDivision.Units(documents, CorpusRole.Train, divided.Add);
        Assert.Equal(["book"], divided);
        Assert.Equal([CorpusSplit.Train, CorpusSplit.Validation, CorpusSplit.Test, null, null, null], units.Select(u => u.Fixed));
        var splits = DocumentSplit.Assign(units, CorpusRole.Train);
        double Share(CorpusSplit split) => units.Where((_, i) => splits[i] == split).Sum(u => u.Bytes) / (double)units.Sum(u => u.Bytes);
        Assert.InRange(Share(CorpusSplit.Train), 0.88, 0.91);
        Assert.InRange(Share(CorpusSplit.Validation), 0.04, 0.06);
        Assert.InRange(Share(CorpusSplit.Test), 0.04, 0.06);
        // Nothing of the text is lost, nothing stands twice, and what is held out lies behind what is trained on.
        Assert.Equal(Letters(documents[0].Text), Letters(string.Concat(units.Take(3).SelectMany(u => u.Documents).Select(d => d.Text))));
        Assert.Equal(units.Sum(u => u.Documents.Count), units.SelectMany(u => u.Documents).Select(d => d.Id).Distinct().Count());
    }

    [Fact]
    public void Passages_of_a_long_document_stay_together_in_one_split()
    {
        CorpusDocument[] documents = [.. Enumerable.Range(0, 40).Select(i => new CorpusDocument($"book-{i}", Prose(40_000)))];
        var units = TextDivision.Units(documents, CorpusRole.Train, _ => Assert.Fail());
        Assert.Equal(documents.Select(d => d.Id), units.Select(u => u.Id));
        Assert.All(units, u => Assert.InRange(u.Documents.Count, 3, 4));
        Assert.Equal("book-0/0", units[0].Documents[0].Id);
    }

    [Fact]
    public void Ids_of_passages_are_unique_whatever_the_documents_are_called()
    {
        CorpusDocument[] documents = [new("a", Prose(40_000)), new("a/0", Prose(50)), new("a/1/0", Prose(60)), .. Enumerable.Range(0, 12).Select(i => new CorpusDocument($"b{i}", Prose(40_000)))];
        string[] ids = [.. TextDivision.Units(documents, CorpusRole.Train, _ => { }).SelectMany(u => u.Documents).Select(d => d.Id)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("aaaa aaaa\n\nbbbb bbbb. cccc", 18, 11)]
    [InlineData("aaaa aaaa\nbbbb bbbb. cccc", 18, 10)]
    [InlineData("aaaa bbbb. cccc dddd", 17, 11)]
    [InlineData("一二三。四五六七八", 6, 4)]
    [InlineData("aaaa bbbb cccc dddd", 17, 15)]
    public void A_cut_is_at_the_best_boundary(string text, int end, int expected) => Assert.Equal(expected, TextDivision.Cut(text, 0, end));

    [Fact]
    public void A_cut_is_never_inside_a_character()
    {
        string[] characters = ["😀", "e\u0301", "👨‍👩‍👧", "a", "한"];
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            var text = string.Concat(Enumerable.Range(0, 40).Select(_ => characters[random.Next(characters.Length)]));
            var starts = StringInfo.ParseCombiningCharacters(text);
            for (var end = 24; end < text.Length; end++) Assert.Contains(TextDivision.Cut(text, 0, end), starts);
        }

        // One character without end is cut all the same, but not in two halves of a code point.
        var endless = "a" + new string('\u0301', 5000);
        Assert.InRange(TextDivision.Cut(endless, 0, 4000), 1, 4000);
        Assert.False(char.IsLowSurrogate(string.Concat(Enumerable.Repeat("😀\u200D", 3000))[TextDivision.Cut(string.Concat(Enumerable.Repeat("😀\u200D", 3000)), 0, 4000)]));
    }

    [Fact]
    public void A_text_of_one_line_without_a_blank_is_divided_too()
    {
        var text = new string('x', 100_000);
        var units = TextDivision.Units([new("one", text)], CorpusRole.Eval, _ => { });
        Assert.Equal(3, units.Count);
        Assert.Equal([40_000, 20_000, 40_000], units.Select(u => u.Bytes));
        Assert.All(units.SelectMany(u => u.Documents), d => Assert.InRange(d.Text.Length, 1, TextDivision.LongText));
    }

    private static string Prose(int characters)
    {
        var words = string.Join(' ', Enumerable.Range(0, (characters / 5) + 1).Select(i => i % 90 == 89 ? $"{i:D4}.\n\n" : $"{i:D4}"));
        return words[..characters];
    }

    private static string Letters(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
