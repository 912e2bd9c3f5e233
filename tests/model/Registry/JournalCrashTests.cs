using Btx.Model.Registry;
using Btx.Model.Tests.Files;

namespace Btx.Model.Tests.Registry;

/// <summary>Power loss, kill, damage and a full disk. Runs alone: the file-size limit holds for the whole process.</summary>
[Collection(nameof(Alone))]
public sealed class JournalCrashTests
{
    private static readonly ForestState Base = SampleForest.Small;

    // A journal with every kind of record, and after each the length and the state that are on disk.
    private static (byte[] Bytes, List<(long Length, string Hash)> Legal) Recorded(TemporaryDirectory directory)
    {
        var legal = new List<(long, string)>();
        var path = directory[ChangeJournal.FileName];
        using var journal = ChangeJournal.Open(directory.Path, Base);
        void Note() => legal.Add((new FileInfo(path).Length, journal.State.Hash()));
        Note();
        var change = journal.Begin(SampleForest.Request(ChangeKind.Add, "c"), Base.WithExpert(SampleForest.Expert("c", ("a", 1))));
        Note();
        journal.Commit(change.Id);
        Note();
        change = journal.Begin(SampleForest.Request(ChangeKind.Add, "d"), journal.State.WithExpert(SampleForest.Expert("d")));
        Note();
        journal.Abort(change.Id, "NaN in a weight");
        Note();
        change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a") with { Purge = [PurgeTarget.Of(journal.State.Expert("a"))] },
            journal.State.Without(["a"]));
        Note();
        journal.Commit(change.Id);
        Note();
        journal.Purged(change.Id);
        Note();
        return (File.ReadAllBytes(path), legal);
    }

    private static JournalContents Read(byte[] bytes, int length) =>
        JournalContents.Read(new MemoryStream(bytes, 0, length), "forest.journal");

    private static string HashOf(JournalContents contents) => (contents.State ?? Base).Hash();

    [Fact]
    public void Every_prefix_is_the_state_before_or_after()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, legal) = Recorded(directory);
        for (var length = 0; length <= bytes.Length; length++)
        {
            var contents = Read(bytes, length);
            var whole = legal.LastOrDefault(l => l.Length <= length || l.Length == length + 1); // a record without its newline is whole
            Assert.Equal(whole.Hash ?? Base.Hash(), HashOf(contents));
            Assert.Equal(contents.Torn is null, length == 0 || legal.Any(l => l.Length == length || l.Length == length + 1));
        }
    }

    [Fact]
    public void A_server_starts_from_a_prefix_and_goes_on()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, legal) = Recorded(directory);
        int[] cuts = [0,
            .. legal.SelectMany(l => new[] { -40, -1, 0, 1, 30 }.Select(d => (int)l.Length + d)).Where(l => l > 0 && l <= bytes.Length)];
        foreach (var cut in cuts.Distinct())
        {
            using var other = new TemporaryDirectory();
            File.WriteAllBytes(other[ChangeJournal.FileName], bytes[..cut]);
            string before;
            using (var journal = ChangeJournal.Open(other.Path, Base))
            {
                before = journal.State.Hash();
                Assert.Equal(HashOf(Read(bytes, cut)), before);
                Assert.DoesNotContain(journal.History, h => h.Outcome == ChangeOutcome.Open);
                journal.Abort(journal.Begin(SampleForest.Request(ChangeKind.Remove, "b"), journal.State.Without(["b"])).Id, "never mind");
            }

            using var again = ChangeJournal.Open(other.Path, Base);
            Assert.Equal(before, again.State.Hash());
            Assert.Equal(ChangeOutcome.Aborted, again.History[^1].Outcome);
            Assert.Empty(again.Messages);
        }
    }

    [Fact]
    public void Every_changed_byte_is_seen()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, _) = Recorded(directory);
        for (var at = 0; at < bytes.Length; at++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[at] = at % 3 == 0 && bytes[at] != '\n' ? (byte)'\n' : (byte)(bytes[at] ^ (1 << (at % 8)));
            var message = Assert.Throws<BtxException>(() => Read(damaged, damaged.Length)).Message;
            Assert.Matches("^forest.journal: line [0-9]+ is damaged .*restore the file from a copy, or move it away", message);
        }
    }

    [Fact]
    public void A_line_lost_repeated_or_moved_is_seen()
    {
        using var directory = new TemporaryDirectory();
        var (bytes, _) = Recorded(directory);
        var lines = System.Text.Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < lines.Length - 1; i++)
        {
            foreach (var changed in new[] { lines.Where((_, j) => j != i), [.. lines[..(i + 1)], .. lines[i..]],
                [.. lines[..i], lines[i + 1], lines[i], .. lines[(i + 2)..]] })
            {
                var text = System.Text.Encoding.UTF8.GetBytes(string.Join('\n', changed) + "\n");
                Assert.Throws<BtxException>(() => Read(text, text.Length));
            }
        }
    }

    [Fact]
    public void Damage_gives_one_clear_line()
    {
        using var directory = new TemporaryDirectory();
        Mutations.Fuzz(Recorded(directory).Bytes, 1500, bytes => Read(bytes, bytes.Length));
    }

    [Fact]
    public void A_kill_at_any_point_leaves_one_of_the_two_states()
    {
        foreach (var point in ChangeJournal.FaultPoints)
        {
            for (var occurrence = 1; occurrence <= 2; occurrence++)
            {
                using var directory = new TemporaryDirectory();
                var states = new List<string> { Base.Hash() };
                var acknowledged = 0;
                var purged = false;
                var left = occurrence;
                var killed = false;
                ChangeJournal? journal = null;
                try
                {
                    journal = ChangeJournal.Open(directory.Path, Base, null, p =>
                    {
                        if (p == point && --left == 0) throw new KilledException();
                    });
                    var after = Base.WithExpert(SampleForest.Expert("c", ("a", 1)));
                    states.Add(after.Hash());
                    journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Add, "c"), after).Id);
                    acknowledged = 1;
                    journal.Abort(journal.Begin(SampleForest.Request(ChangeKind.Add, "d"),
                        after.WithExpert(SampleForest.Expert("d"))).Id, "no");
                    var removal = SampleForest.Request(ChangeKind.Remove, "a") with { Purge = [PurgeTarget.Of(after.Expert("a"))] };
                    after = after.Without(["a"]);
                    states.Add(after.Hash());
                    var id = journal.Begin(removal, after).Id;
                    journal.Commit(id);
                    acknowledged = 2;
                    journal.Purged(id);
                    purged = true;
                    journal.Certified(id, new(new Dictionary<string, IReadOnlyList<CertifiedFile>>(), new(0, 0, 0, 0, 0, 0, 0),
                        EqualityCheck.Of(SampleForest.Hash("probe"), 1, 0, 0)));
                }
                catch (KilledException)
                {
                    killed = true;
                }

                journal?.Dispose(); // a killed process lets go of its files too
                Assert.Equal(killed, left == 0);
                using var again = ChangeJournal.Open(directory.Path, Base);
                Assert.Contains(again.State.Hash(), states[acknowledged..]); // what was acknowledged is never lost
                Assert.DoesNotContain(again.History, h => h.Outcome == ChangeOutcome.Open);
                if (killed && point == "commit:synced") Assert.Equal(states[^1], again.State.Hash());
                if (killed && point == "commit:writing") Assert.Equal(states[acknowledged], again.State.Hash());
                if (killed && point == "purged:writing") Assert.Single(again.History, c => c.HasOpenPurge);
                if (purged) Assert.DoesNotContain(again.History, c => c.HasOpenPurge);
            }
        }
    }

    [Fact]
    public void A_full_disk_leaves_the_old_state()
    {
        using var directory = new TemporaryDirectory();
        var path = directory[ChangeJournal.FileName];
        using (var journal = ChangeJournal.Open(directory.Path, Base))
        {
            var before = File.ReadAllBytes(path);
            var after = Base.WithExpert(SampleForest.Expert("c"));
            foreach (var room in new[] { 0, 1, 200 })
            {
                using (new FileSizeLimit(before.Length + room))
                {
                    var message = Assert.Throws<BtxException>(() =>
                        journal.Begin(SampleForest.Request(ChangeKind.Add, "c"), after)).Message;
                    Assert.Contains("nothing has changed", message, StringComparison.Ordinal);
                }

                Assert.Equal(before, File.ReadAllBytes(path));
            }

            var change = journal.Begin(SampleForest.Request(ChangeKind.Add, "c"), after);
            using (new FileSizeLimit(new FileInfo(path).Length + 20))
            {
                Assert.Throws<BtxException>(() => journal.Commit(change.Id));
                Assert.Equal(Base.Hash(), journal.State.Hash());
                Assert.Equal(ChangeOutcome.Aborted, journal.Abort(change.Id, "disk full").Outcome);
                Assert.Contains(change.Id, Assert.Single(journal.Messages), StringComparison.Ordinal);
            }

            change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a"), Base.Without(["a"])); // room again
            journal.Commit(change.Id);
        }

        using var again = ChangeJournal.Open(directory.Path, Base);
        Assert.Equal(["b"], again.State.Experts.Select(e => e.Name));
        Assert.Equal([ChangeOutcome.Interrupted, ChangeOutcome.Committed], again.History.Select(h => h.Outcome));
    }

    [Theory]
    [InlineData("commit:written")]
    [InlineData("commit:signed")]
    public void A_commit_that_failed_and_was_taken_back_can_be_tried_again(string point)
    {
        using var directory = new TemporaryDirectory();
        var fail = false;
        using var journal = ChangeJournal.Open(directory.Path, Base, null, p =>
        {
            if (fail && p == point) throw new IOException("the device is gone");
        });
        var change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a"), Base.Without(["a"]));
        fail = true;
        Assert.Contains("the device is gone", Assert.Throws<BtxException>(() => journal.Commit(change.Id)).Message,
            StringComparison.Ordinal);
        fail = false;
        Assert.Null(JournalContents.Read(directory.Path).State); // what is signed was taken back too
        journal.Commit(change.Id); // it was taken back, so it can be tried again
        Assert.Equal(Base.Without(["a"]).Hash(), (JournalContents.Read(directory.Path).State ?? Base).Hash());
    }

    private sealed class KilledException : Exception;
}
