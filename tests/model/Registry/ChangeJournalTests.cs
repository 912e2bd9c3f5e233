using System.Diagnostics;
using System.Text.Json.Serialization.Metadata;
using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

public sealed class ChangeJournalTests
{
    private static readonly ForestState Base = SampleForest.State;

    private static string Problem(Action change) => Assert.Throws<BtxException>(change).Message;

    // Journals and certificates are kept for years: a property may be renamed, its field may not.
    [Fact]
    public void Fields_of_records_keep_their_names()
    {
        static string Names<T>() => string.Join(' ', new DefaultJsonTypeInfoResolver().GetTypeInfo(typeof(T), ManifestJson.Options)
            .Properties.Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal("caches equality files mixture_after_sha256 mixture_before_sha256", Names<CertifiedFindings>());
        Assert.Equal("largest_difference left_out passed probe_sha256 probe_tokens tolerance", Names<EqualityCheck>());
        Assert.Equal("absent architecture averages experts mixture mixture_dropped precision quarantined ready revision schema "
            + "source_sha256 tokenizer", Names<ForestState>());
        Assert.Equal("after_sha256 author before_sha256 findings id kind message policy purge reason schema state subjects time "
            + "type undoes",
            Names<JournalRecord>());
        Assert.Equal("corpus_sha256 domain name parents path prior root round sha256 status steps tokens", Names<RegisteredExpert>());
        Assert.Equal("author caches change_id dropped_averages equality journal_records journal_sha256 key_fingerprint "
            + "mixture_after_sha256 mixture_before_sha256 policy public_key quarantined reason removed requested residuals "
            + "revision_after revision_before reweighted_averages reweighted_priors schema signature "
            + "state_after_sha256 state_before_sha256 statement time",
            Names<RemovalCertificate>());
    }

    [Fact]
    public void Committed_changes_are_the_state_after_a_restart()
    {
        using var directory = new TemporaryDirectory();
        ForestState after;
        using (var journal = ChangeJournal.Open(directory.Path, Base))
        {
            var change = journal.Begin(SampleForest.Request(ChangeKind.Add, "e"), journal.State.WithExpert(SampleForest.Expert("e")));
            Assert.Equal(("c000001", ChangeOutcome.Open, 0L, null),
                (change.Id, change.Outcome, change.RevisionBefore, change.RevisionAfter));
            Assert.Equal(0, journal.State.Revision);
            journal.Commit(change.Id);
            change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a") with
            { Purge = [PurgeTarget.Of(journal.State.Expert("a"))] }, journal.State.Without(["a"]));
            journal.Commit(change.Id);
            after = journal.State;
        }

        using var again = ChangeJournal.Open(directory.Path, Base);
        Assert.Equal((2, after.Hash()), ((int)again.State.Revision, again.State.Hash()));
        Assert.Empty(again.Messages);
        var removal = Assert.Single(again.History, c => c.HasOpenPurge);
        Assert.Equal(("c000002", "a", "experts/a"), (removal.Id, removal.Purge[0].Expert, removal.Purge[0].Path));
        Assert.NotNull(again.Purged(removal.Id).PurgedAt);
        Assert.DoesNotContain(again.History, c => c.HasOpenPurge);
        Assert.Contains("no files", Problem(() => again.Purged(removal.Id)), StringComparison.Ordinal);
        Assert.Equal([("ada", "a test", 0L, 1L), ("ada", "a test", 1L, 2L)],
            again.History.Select(h => (h.Author, h.Reason, h.RevisionBefore, h.RevisionAfter!.Value)));
        Assert.Equal(again.History[0].AfterSha256, again.History[1].BeforeSha256);
        Assert.Equal(again.State.Hash(), again.History[1].AfterSha256);
        // readable while it is owned
        Assert.Equal(again.History.Select(h => h with { PurgedAt = null, Purge = [], Subjects = [] }),
            JournalContents.Read(directory.Path).History.Select(h => h with { PurgedAt = null, Purge = [], Subjects = [] }));
    }

    [Fact]
    public void What_building_added_is_committed_and_the_state_before_can_be_read_again()
    {
        using var directory = new TemporaryDirectory();
        string made;
        using (var journal = ChangeJournal.Open(directory.Path, Base))
        {
            var begun = Base.WithExpert(SampleForest.Expert("e"));
            var change = journal.Begin(SampleForest.Request(ChangeKind.Add, "e"), begun);
            Assert.Contains("made for revision 2", Problem(() => journal.Commit(change.Id, begun with { Revision = 2 })),
                StringComparison.Ordinal);
            Assert.Contains("would not be valid", Problem(() => journal.Commit(change.Id, begun with { Moe = "" })),
                StringComparison.Ordinal);
            change = journal.Commit(change.Id, begun with { Moe = "mixtures/c000001" });
            made = journal.State.Hash();
            Assert.Equal(("mixtures/c000001", made), (journal.State.Moe, change.AfterSha256));
            Assert.Equal(Base.Hash(), journal.Previous.Hash());
            change = journal.Begin(SampleForest.Request(ChangeKind.Remove, "a") with { Policy = LineagePolicy.Only },
                journal.State.Without(["a"]));
            journal.Commit(change.Id, journal.State.Without(["a"]));
        }

        using var again = ChangeJournal.Open(directory.Path, Base);
        Assert.Equal((made, LineagePolicy.Only), (again.History[1].BeforeSha256, again.History[1].Policy));
        Assert.Equal((Base.Hash(), made), (again.StatesOf("c000001").Before.Hash(), again.StatesOf("c000002").Before.Hash()));
        Assert.Equal(Base.Hash(), JournalContents.Read(directory.Path).Base!.Hash());
        Assert.Single(File.ReadLines(directory[ChangeJournal.FileName]),
            l => l.Contains("\"commit\"", StringComparison.Ordinal) && l.Contains("mixtures/c000001", StringComparison.Ordinal));
    }

    [Fact]
    public void A_change_without_commit_does_not_count()
    {
        using var directory = new TemporaryDirectory();
        using (var journal = ChangeJournal.Open(directory.Path, Base))
        {
            var first = journal.Begin(SampleForest.Request(ChangeKind.Add, "e"), Base.WithExpert(SampleForest.Expert("e")));
            Assert.Contains("c000001 (add by ada) is under way",
                Problem(() => journal.Begin(SampleForest.Request(ChangeKind.Remove, "a"), Base.Without(["a"]))), StringComparison.Ordinal);
            Assert.Contains("not under way", Problem(() => journal.Commit("c000002")), StringComparison.Ordinal);
            Assert.Equal((ChangeOutcome.Aborted, "wrong tokenizer\\nsecond line"),
                (journal.Abort(first.Id, "wrong tokenizer\nsecond line").Outcome, journal.History[0].Message));
            Assert.Contains("not under way", Problem(() => journal.Commit(first.Id)), StringComparison.Ordinal);
            journal.Begin(SampleForest.Request(ChangeKind.Add, "e"), Base.WithExpert(SampleForest.Expert("e")));
        }

        for (var start = 0; start < 2; start++)
        {
            using var again = ChangeJournal.Open(directory.Path, Base);
            Assert.Equal(Base.Hash(), again.State.Hash());
            Assert.Equal([ChangeOutcome.Aborted, ChangeOutcome.Interrupted], again.History.Select(h => h.Outcome));
            Assert.Equal(start == 0 ? 1 : 0, again.Messages.Count(m => m.Contains("c000002", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void The_last_addition_or_average_is_rolled_back_by_a_change()
    {
        using var directory = new TemporaryDirectory();
        using (var journal = ChangeJournal.Open(directory.Path, Base))
        {
            Assert.Contains("no change", Problem(() => journal.BeginRollback("ada", "r", out _)), StringComparison.Ordinal);
            journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Average, "x"),
                Base.WithAverage(NamedAverage.Of("x", new Dictionary<string, double> { ["a"] = 1 }))).Id);
            journal.Commit(journal.Begin(SampleForest.Request(ChangeKind.Add, "e"), journal.State.WithExpert(SampleForest.Expert("e"))).Id);
        }

        using var again = ChangeJournal.Open(directory.Path, Base);
        Assert.Equal("c000002", ((IForestLog)again).RollbackTarget!.Id);
        var change = again.BeginRollback("bob", "it was wrong", out var after);
        Assert.Equal(("c000003", "c000002", ChangeKind.Rollback), (change.Id, change.Undoes, change.Kind));
        again.Commit(change.Id);
        Assert.Equal((3, after.Hash()), ((int)again.State.Revision, again.State.Hash()));
        Assert.Equal(Base.Experts.Select(e => e.Name), again.State.Experts.Select(e => e.Name));
        Assert.Equal("x", again.State.Averages[0].Name);
        Assert.Null(((IForestLog)again).RollbackTarget);
        Assert.Contains("a rollback is not undone", Problem(() => again.BeginRollback("bob", "r", out _)), StringComparison.Ordinal);
        again.Commit(again.Begin(SampleForest.Request(ChangeKind.Remove, "a"), again.State.Without(["a"])).Id);
        Assert.Contains("a removal is final", Problem(() => again.BeginRollback("bob", "r", out _)), StringComparison.Ordinal);
        Assert.Null(((IForestLog)again).RollbackTarget);
    }

    [Fact]
    public void A_change_needs_an_author_a_reason_and_the_present_revision()
    {
        using var directory = new TemporaryDirectory();
        using var journal = ChangeJournal.Open(directory.Path, Base);
        var request = SampleForest.Request(ChangeKind.Remove, "a");
        var after = Base.Without(["a"]);
        Assert.Contains("author", Problem(() => journal.Begin(request with { Author = " " }, after)), StringComparison.Ordinal);
        Assert.Contains("reason", Problem(() => journal.Begin(request with { Reason = "a\nb" }, after)), StringComparison.Ordinal);
        Assert.Contains("kind \"paint\"", Problem(() => journal.Begin(request with { Kind = "paint" }, after)), StringComparison.Ordinal);
        Assert.Contains("unknown", Problem(() => journal.Begin(request with { Kind = ChangeKind.Rollback }, after)),
            StringComparison.Ordinal);
        Assert.Contains("revision 1, but the forest is at revision 0", Problem(() => journal.Begin(request, after.Without(["b"]))),
            StringComparison.Ordinal);
        Assert.Contains("sha256", Problem(() => journal.Begin(request, after with { Experts = [after.Experts[0] with { Sha256 = "" }] })),
            StringComparison.Ordinal);
        Assert.Empty(journal.History);
    }

    [Fact]
    public void A_journal_belongs_to_one_export()
    {
        using var directory = new TemporaryDirectory();
        ChangeJournal.Open(directory.Path, Base).Dispose();
        Assert.Contains("another export", Problem(() => ChangeJournal.Open(directory.Path, SampleForest.Small)), StringComparison.Ordinal);
        ChangeJournal.Open(directory.Path, Base).Dispose(); // the refusal let go of it
    }

    [Fact]
    public void One_process_owns_it_at_a_time()
    {
        using var directory = new TemporaryDirectory();
        using (ChangeJournal.Open(directory.Path, Base))
        {
            Assert.Contains("served by another process", Problem(() => ChangeJournal.Open(directory.Path, Base)), StringComparison.Ordinal);
            using var other = Process.Start("flock", ["-n", directory[ForestLock.FileName], "true"]);
            other.WaitForExit();
            Assert.Equal(1, other.ExitCode);
        }

        // Neither another way to the directory nor a lock file that somebody removed lets a second one in.
        using (ChangeJournal.Open(directory.Path, Base))
        {
            var link = directory.Path + "-link";
            File.CreateSymbolicLink(link, directory.Path);
            File.Delete(directory[ForestLock.FileName]);
            foreach (var spelling in new[] { directory.Path, directory.Path + "/", directory.Path + "/.",
                link, $"/proc/self/root{directory.Path}" })
                Assert.Contains("served by another process", Problem(() => ChangeJournal.Open(spelling, Base)), StringComparison.Ordinal);
            File.Delete(link);
        }

        using var holder = Process.Start(new ProcessStartInfo("flock", [directory[ForestLock.FileName], "sh", "-c", "echo held; read end"])
        { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        Assert.Equal("held", holder.StandardOutput.ReadLine());
        Assert.Contains("served by another process", Problem(() => ChangeJournal.Open(directory.Path, Base)), StringComparison.Ordinal);
        holder.StandardInput.Close();
        holder.WaitForExit();
        ChangeJournal.Open(directory.Path, Base).Dispose();
    }

    [Fact]
    public void A_directory_that_cannot_be_written_is_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains(directory["none"], Problem(() => ChangeJournal.Open(directory["none"], Base)), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_are_purged_again_until_they_are_gone_and_never_another_experts()
    {
        using var directory = new TemporaryDirectory();
        var (served, state) = SampleForest.Write(directory);
        var manifest = SampleForest.Served(SampleForest.Manifest);
        var target = PurgeTarget.Of(state.Expert("a"));
        var place = target.Directory(served, manifest);
        Assert.Equal([new CertifiedFile("model.safetensors", 1, Deleted: false)], ExpertPurge.Files(place));
        ExpertPurge.RequireUnshared(state.Without(["a"]), target, served, manifest);
        var shared = state.Without(["a"]).WithExpert(SampleForest.Expert("e") with { Path = place + "/inner" });
        Assert.Contains("\"e\"", Problem(() => ExpertPurge.RequireUnshared(shared, target, served, manifest)), StringComparison.Ordinal);
        ExpertPurge.Delete(place);
        ExpertPurge.Delete(place);
        Assert.Empty(ExpertPurge.Files(place));
        Assert.True(Directory.Exists(directory["forest/experts/b"]));
    }
}
