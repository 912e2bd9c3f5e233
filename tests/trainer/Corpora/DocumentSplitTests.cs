using System.Text;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Corpora;

public sealed class DocumentSplitTests
{
    private static List<CorpusDocument> Documents(int count, int characters = 100) =>
        [.. Enumerable.Range(0, count).Select(i => new CorpusDocument($"doc/{i}", new string((char)('a' + (i % 26)), characters)))];

    private static CorpusSplit[] Assign(IEnumerable<CorpusDocument> documents, CorpusRole role) =>
        DocumentSplit.Assign([.. documents.Select(d => new SplitUnit(d.Id, [d]))], role);

    [Fact]
    public void The_split_of_an_id_never_changes()
    {
        // Fixed by the SHA-256 of the id: another split here would let trained-on documents into a test set.
        string[] test = [.. Enumerable.Range(0, 60).Select(i => $"doc/{i}")
            .Where(id => DocumentSplit.Of(id, CorpusRole.Train) == CorpusSplit.Test)];
        string[] expected = [.. Enumerable.Range(0, 60).Select(i => $"doc/{i}").Where(id =>
            Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(id)), 0, 2) is var hex
            && Convert.ToInt32(hex, 16) < 65536 * 0.05)];
        Assert.Equal(expected, test);
    }

    [Fact]
    public void Shares_come_out_as_stated()
    {
        var splits = Assign(Documents(20_000), CorpusRole.Train);
        Assert.InRange(splits.Count(s => s == CorpusSplit.Test), 850, 1150);
        Assert.InRange(splits.Count(s => s == CorpusSplit.Validation), 850, 1150);
        splits = Assign(Documents(20_000), CorpusRole.Eval);
        Assert.InRange(splits.Count(s => s == CorpusSplit.Test), 7700, 8300);
        Assert.InRange(splits.Count(s => s == CorpusSplit.Validation), 3700, 4300);
    }

    [Fact]
    public void A_documents_split_does_not_depend_on_the_others()
    {
        var all = Documents(3000);
        var few = all.Where((_, i) => i % 3 == 0).ToList();
        var splits = Assign(all, CorpusRole.Train);
        Assert.Equal(splits.Where((_, i) => i % 3 == 0), Assign(few, CorpusRole.Train));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(7)]
    public void Even_few_documents_fill_every_split(int count)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            List<CorpusDocument> documents = [.. Enumerable.Range(0, count).Select(i => new CorpusDocument($"{seed}-{i}", "x"))];
            Assert.Equal(3, Assign(documents, seed % 2 == 0 ? CorpusRole.Train : CorpusRole.Eval).Distinct().Count());
        }
    }

    [Fact]
    public void A_split_gets_at_least_half_of_its_share_by_size()
    {
        // By hash alone the held-out splits of these had from nothing to a third of the text.
        for (var seed = 0; seed < 60; seed++)
        {
            List<CorpusDocument> documents =
                [.. Enumerable.Range(0, 30).Select(i => new CorpusDocument($"{seed}-{i}", new string('x', 10 + (i * i))))];
            var splits = Assign(documents, CorpusRole.Train);
            double Held(CorpusSplit split) =>
                documents.Where((_, i) => splits[i] == split).Sum(d => d.Text.Length) / (double)documents.Sum(d => d.Text.Length);
            Assert.True(Held(CorpusSplit.Test) >= 0.025 && Held(CorpusSplit.Validation) >= 0.025 && Held(CorpusSplit.Train) >= 0.8,
                $"{seed}: {Held(CorpusSplit.Train)} {Held(CorpusSplit.Validation)} {Held(CorpusSplit.Test)}");
        }
    }

    [Fact]
    public void Two_documents_are_too_few() => Assert.Throws<ArgumentException>(() => Assign(Documents(2), CorpusRole.Train));

    [Fact]
    public void A_cap_keeps_each_splits_share_and_moves_no_document()
    {
        var documents = Documents(4000, 1000);
        var splits = Assign(documents, CorpusRole.Train);
        var kept = DocumentSplit.Cap(documents, splits, CorpusRole.Train, 1_000_000);
        long Bytes(CorpusSplit split) => documents.Where((_, i) => kept[i] && splits[i] == split).Sum(d => (long)d.Text.Length);
        Assert.Equal(900_000, Bytes(CorpusSplit.Train));
        Assert.Equal(50_000, Bytes(CorpusSplit.Test));
        Assert.Equal(50_000, Bytes(CorpusSplit.Validation));
        // A sample of the whole domain, not its beginning.
        Assert.True(documents.Where((_, i) => kept[i]).Skip(900).First().Id != documents[900].Id);
    }

    [Fact]
    public void A_cap_below_every_document_still_keeps_one_of_each_split()
    {
        var documents = Documents(100, 1000);
        var splits = Assign(documents, CorpusRole.Train);
        var kept = DocumentSplit.Cap(documents, splits, CorpusRole.Train, 10);
        Assert.Equal(3, kept.Count(k => k));
        Assert.Equal(3, splits.Where((_, i) => kept[i]).Distinct().Count());
    }
}
