using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

/// <summary>The journal's end is signed: what was cut off, put back from an older copy or appended by somebody else is noticed.</summary>
public sealed class JournalHeadTests
{
    private static readonly ForestState Base = SampleForest.Small;

    private static string Problem(TemporaryDirectory directory)
    {
        var read = Assert.Throws<BtxException>(() => JournalContents.Read(directory.Path)).Message;
        Assert.Equal(read, Assert.Throws<BtxException>(() => ChangeJournal.Open(directory.Path, Base)).Message);
        Assert.DoesNotContain('\n', read);
        return read;
    }

    // An addition and an abort; the head after each line.
    private static List<byte[]> Written(TemporaryDirectory directory)
    {
        var heads = new List<byte[]>();
        using var journal = ChangeJournal.Open(directory.Path, Base, null, p =>
        {
            if (p.EndsWith(":signed", StringComparison.Ordinal)) heads.Add(File.ReadAllBytes(directory[ChangeJournal.HeadName]));
        });
        journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Add, "c"), Base.WithExpert(SampleForest.Expert("c"))).Id);
        journal.Abort(journal.Begin(SampleForest.Request(ChangeKind.Add, "d"),
            journal.State.WithExpert(SampleForest.Expert("d"))).Id, "no");
        return heads;
    }

    [Fact]
    public void Every_earlier_end_is_refused_and_named()
    {
        using var directory = new TemporaryDirectory();
        var heads = Written(directory);
        var path = directory[ChangeJournal.FileName];
        var lines = File.ReadAllLines(path);
        Assert.Equal(5, lines.Length);
        for (var kept = 0; kept < lines.Length; kept++)
        {
            File.WriteAllText(path, string.Concat(lines.Take(kept).Select(l => l + "\n")));
            Assert.StartsWith($"{path}: ends with record {kept}, but forest.head is signed for 5: its end was cut off; restore "
                    + "forest.journal and forest.head from one copy",
                Problem(directory), StringComparison.Ordinal);
            File.WriteAllText(path, string.Concat(lines.Take(kept).Select(l => l + "\n")) + lines[kept][..40]); // a torn line is no excuse
            Assert.Contains("its end was cut off", Problem(directory), StringComparison.Ordinal);
        }

        File.Delete(path);
        Assert.Contains("ends with record 0", Problem(directory), StringComparison.Ordinal);
        File.WriteAllLines(path, lines);
        File.WriteAllBytes(directory[ChangeJournal.HeadName], heads[2]); // of an older copy
        Assert.Equal(2, JournalContents.Read(directory.Path).History.Count); // a server may be writing
        Assert.Contains("has 5 records, but forest.head is signed for 3: no server wrote the rest",
            Assert.Throws<BtxException>(() => ChangeJournal.Open(directory.Path, Base)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(directory[ChangeJournal.HeadName], heads[3]); // as a server leaves it that dies between the two
        ChangeJournal.Open(directory.Path, Base).Dispose();
        Assert.Equal(heads[4][..60], File.ReadAllBytes(directory[ChangeJournal.HeadName])[..60]);
    }

    [Fact]
    public void Another_journal_of_the_same_length_is_seen()
    {
        using var directory = new TemporaryDirectory();
        using var other = new TemporaryDirectory();
        Written(directory);
        Written(other); // at another time, so with other checksums
        File.Copy(other[ChangeJournal.FileName], directory[ChangeJournal.FileName], overwrite: true);
        Assert.Contains("is not the journal that forest.head is signed for", Problem(directory), StringComparison.Ordinal);
        File.Copy(other[ChangeJournal.HeadName], directory[ChangeJournal.HeadName], overwrite: true);
        Assert.Contains("it is signed by another key than forest.key.pub", Problem(directory), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_changed_byte_of_it_is_seen()
    {
        using var directory = new TemporaryDirectory();
        Written(directory);
        var path = directory[ChangeJournal.HeadName];
        var head = File.ReadAllBytes(path);
        for (var at = 0; at < head.Length; at++)
        {
            var damaged = (byte[])head.Clone();
            damaged[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(path, damaged);
            Assert.StartsWith(path, Assert.Throws<BtxException>(() => JournalContents.Read(directory.Path)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void One_that_is_gone_is_missed_unless_the_key_is_given_up_with_it()
    {
        using var directory = new TemporaryDirectory();
        Written(directory);
        File.Delete(directory[ChangeJournal.HeadName]);
        Assert.Contains("forest.head, which says how far it goes, is gone", Problem(directory), StringComparison.Ordinal);
        File.Delete(directory[CertificateSigner.KeyName]);
        File.Delete(directory[CertificateSigner.PublicKeyName]);
        using (var journal = ChangeJournal.Open(directory.Path, Base))
            Assert.Contains($"is signed by {journal.Signer.Fingerprint} from here on, 5 records", Assert.Single(journal.Messages),
                StringComparison.Ordinal);
        using (var journal = ChangeJournal.Open(directory.Path, Base)) Assert.Empty(journal.Messages);
    }

    [Fact]
    public void A_new_key_signs_it_anew()
    {
        using var directory = new TemporaryDirectory();
        Written(directory);
        var old = CertificateSigner.FingerprintOf(directory.Path)!;
        File.Delete(directory[CertificateSigner.KeyName]);
        using (var journal = ChangeJournal.Open(directory.Path, Base))
            Assert.Contains($"its end was signed by a key {old}; it is signed by {journal.Signer.Fingerprint} from here on",
                Assert.Single(journal.Messages), StringComparison.Ordinal);
        using (var journal = ChangeJournal.Open(directory.Path, Base)) Assert.Empty(journal.Messages);
    }

    [Fact]
    public void A_journal_of_the_first_schema_is_read_and_gets_one()
    {
        using var directory = new TemporaryDirectory();
        var (line, _) = JournalLine.Make(new(JournalRecord.Opened, DateTimeOffset.UnixEpoch)
        { Schema = 1, BeforeSha256 = Base.Hash(), State = Base }, "");
        File.WriteAllBytes(directory[ChangeJournal.FileName], line);
        CertificateSigner.Open(directory.Path).Dispose();
        Assert.Equal(Base.Hash(), JournalContents.Read(directory.Path).Base!.Hash());
        Assert.False(File.Exists(directory[ChangeJournal.HeadName]));
        using (var journal = ChangeJournal.Open(directory.Path, Base))
            journal.Begin(SampleForest.Request(ChangeKind.Remove, "a"), Base.Without(["a"]));
        File.WriteAllBytes(directory[ChangeJournal.FileName], line);
        Assert.Contains("its end was cut off", Problem(directory), StringComparison.Ordinal);
    }
}
