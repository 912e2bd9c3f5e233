using Btx.Model.Files;

namespace Btx.Model.Registry;

/// <summary>
/// The write-ahead journal of a served forest, <c>forest.journal</c> beside <c>served.json</c>: append-only, one record a line, each on
/// disk before the call returns. The forest is revision 0 plus the last committed change, whenever the process dies. One owner at a
/// time, by a lock that the operating system drops with the process. Thread-safe; one change at a time.
/// </summary>
public sealed class ChangeJournal : IDisposable
{
    public const string FileName = "forest.journal";
    public const string HeadName = JournalHead.FileName;
    public const string LockName = ForestLock.FileName;

    private readonly Lock gate = new();
    private readonly string directory, path;
    private readonly ForestLock held;
    private readonly JournalFile file;
    private readonly TimeProvider time;
    private readonly ForestState @base;
    private readonly List<string> messages = [];
    private readonly List<ChangeRecord> history;
    private ForestState state;
    private ForestState previous;
    private (string Id, ForestState State)? pending;

    private ChangeJournal(string directory, ForestState @base, TimeProvider time, Action<string>? injectFault)
    {
        (this.directory, path) = (directory, Path.Combine(directory, FileName));
        (this.time, this.@base) = (time, @base);
        held = ForestLock.Take(directory);
        try
        {
            injectFault?.Invoke("open:locked");
            file = new JournalFile(directory, injectFault);
            injectFault?.Invoke("open:read");
            var contents = file.Contents;
            var baseSha256 = @base.Hash();
            contents.RequireBase(baseSha256);
            (history, state, previous) = ([.. contents.History], contents.State ?? @base, contents.Previous ?? @base);
            Signer = CertificateSigner.Open(directory);
            if (file.Repair(Signer) is { } key) messages.Add(key);
            if (contents.Torn is { } torn) messages.Add(torn);
            if (contents.BaseSha256 is null)
                file.Append(new()
                {
                    Type = JournalRecord.Opened,
                    Time = Now(),
                    Schema = JournalRecord.CurrentSchema,
                    BeforeSha256 = baseSha256,
                    State = @base
                });
            AtomicFile.SyncDirectory(directory);
            if (contents.OpenChange is { } open)
            {
                file.Append(new() { Type = JournalRecord.Aborted, Id = open, Time = Now() });
                messages
                    .Add($"change {open} was begun but not committed when the server ended; it does not count, "
                        + $"the forest is at revision {state.Revision}");
                Settle(open, c => c with { Outcome = ChangeOutcome.Interrupted });
            }

            injectFault?.Invoke("open:repaired");
        }
        catch (Exception e)
        {
            file?.Dispose();
            Signer?.Dispose();
            held.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new BtxException($"{path}: cannot be opened: {BtxException.OneLine(e.Message)}", e);
            throw;
        }
    }

    /// <summary>The names that the hook of <see cref="Open"/> is called with, in order of a change with a purge.</summary>
    public static IReadOnlyList<string> FaultPoints { get; } =
    [
        "open:locked", "open:read", "open:writing", "open:written", "open:synced", "open:signed", "open:repaired",
        .. new[] { JournalRecord.Begun, JournalRecord.Committed, JournalRecord.Aborted, JournalRecord.Purged, JournalRecord.Certified }
            .SelectMany(r => new[] { $"{r}:writing", $"{r}:written", $"{r}:synced", $"{r}:signed" }),
    ];

    /// <summary>The forest's key: signs certificates, and how far the journal goes. Owned by the journal.</summary>
    public CertificateSigner Signer { get; }

    /// <summary>The last committed state.</summary>
    public ForestState State
    {
        get { lock (gate) return state; }
    }

    /// <summary>What was repaired when the journal was opened, and ends that could not be written; one line each.</summary>
    public IReadOnlyList<string> Messages
    {
        get { lock (gate) return [.. messages]; }
    }

    /// <summary>Every change that was begun, oldest first.</summary>
    public IReadOnlyList<ChangeRecord> History
    {
        get { lock (gate) return [.. history]; }
    }

    /// <summary>Committed removals whose files are still to be deleted: redo each, then <see cref="Purged"/>.</summary>
    public IReadOnlyList<ChangeRecord> OpenPurges =>
        [.. History.Where(c => c is { Outcome: ChangeOutcome.Committed, Purge.Count: > 0, PurgedAt: null })];

    /// <summary>The last committed change, if it can be undone; null: there is none, or it is final.</summary>
    public ChangeRecord? RollbackTarget =>
        History.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is { } last && ChangeKind.IsReversible(last.Kind) ? last : null;

    /// <summary>What a rollback of the last change would restore.</summary>
    public ForestState Previous
    {
        get { lock (gate) return previous; }
    }

    /// <summary>Takes the journal of a served forest, makes it if it is not there, and repairs what a crash left.</summary>
    /// <param name="base">Revision 0: see <see cref="ForestState.Base"/>.</param>
    /// <param name="injectFault">Called at each of <see cref="FaultPoints"/>; for tests that end the process or fail there.</param>
    /// <exception cref="BtxException">Another server owns the forest, the journal is damaged or belongs to another export,
    /// or the directory cannot be written.</exception>
    public static ChangeJournal Open(string servedDirectory, ForestState @base, TimeProvider? time = null, Action<string>? injectFault = null) =>
        new(Path.GetFullPath(servedDirectory), @base, time ?? TimeProvider.System, injectFault);

    /// <summary><c>c000001</c> for 1.</summary>
    public static string IdOf(int number) => $"c{number:D6}";

    /// <summary>Records a change before it is built. On disk when this returns; nothing of it counts until <see cref="Commit"/>.</summary>
    /// <param name="after">Made from <see cref="State"/>.</param>
    /// <exception cref="BtxException">Another change is under way, the request or the state is not valid, or the disk
    /// is full: then nothing has changed.</exception>
    public ChangeRecord Begin(ChangeRequest request, ForestState after) => Begin(request, after, null);

    /// <summary>Begins the rollback of <see cref="RollbackTarget"/>: a change of its own that restores what was before.</summary>
    /// <param name="after">The state to build, then to commit.</param>
    /// <exception cref="BtxException">There is nothing to roll back, or as <see cref="Begin(ChangeRequest, ForestState)"/>.</exception>
    public ChangeRecord BeginRollback(string author, string reason, out ForestState after)
    {
        lock (gate)
        {
            if (history.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is not { } last)
                throw new BtxException("there is no change to roll back") { Kind = ErrorKind.Precondition };
            if (!ChangeKind.IsReversible(last.Kind))
                throw new BtxException($"the last change, {last.Id}, is a {last.Kind}; "
                    + (last.Kind == ChangeKind.Remove ? "a removal is final, add the expert again instead"
                        : "a rollback is not undone, make the change again instead"))
                {
                    Kind = ErrorKind.Precondition
                };
            after = previous with { Revision = state.Revision + 1 };
            return Begin(new() { Kind = ChangeKind.Rollback, Author = author, Reason = reason, Subjects = last.Subjects }, after, last.Id);
        }
    }

    /// <summary>The states that a change was begun from and led to (the present one where it was not committed); reads the file.</summary>
    /// <exception cref="BtxException">The file cannot be read.</exception>
    public (ForestState Before, ForestState After) StatesOf(string id) =>
        JournalContents.Read(directory, id).Wanted is var (before, after) ? (before ?? @base, after ?? State) : default;

    /// <summary>Makes the begun change the state, now and after every restart. Swap only after this.</summary>
    /// <param name="made">What the change was begun with and what building added, as the same revision; null: nothing was added.</param>
    /// <exception cref="BtxException">It could not be written: the old state stands, and the change is to
    /// be given up by <see cref="Abort"/>.</exception>
    public ChangeRecord Commit(string id, ForestState? made = null)
    {
        lock (gate)
        {
            var after = Pending(id);
            var sha256 = made is null || made.Hash() == after.Hash() ? null : made.Hash();
            if (sha256 is not null)
            {
                if (made!.Revision != after.Revision)
                    throw new BtxException($"the change was begun for revision {after.Revision} and made for revision {made.Revision}");
                made.Checked();
                after = made;
            }

            file.Append(new()
            {
                Type = JournalRecord.Committed,
                Id = id,
                Time = Now(),
                State = sha256 is null ? null : after,
                AfterSha256 = sha256
            });
            (previous, state, pending) = (state, after, null);
            return Settle(id, c => c with
            {
                Outcome = ChangeOutcome.Committed,
                RevisionAfter = after.Revision,
                AfterSha256 = sha256 ?? c.AfterSha256,
                JournalRecords = file.Records,
                JournalSha256 = file.LastSha256
            });
        }
    }

    /// <summary>Gives the begun change up. Where that cannot be written the change still counts as given
    /// up: a start finds it without a commit.</summary>
    public ChangeRecord Abort(string id, string message)
    {
        lock (gate)
        {
            Pending(id);
            pending = null;
            message = BtxException.OneLine(message);
            try
            {
                file.Append(new() { Type = JournalRecord.Aborted, Id = id, Time = Now(), Message = message });
            }
            catch (BtxException e)
            {
                messages.Add($"the end of change {id} is not in the journal: {e.Message}");
            }

            return Settle(id, c => c with { Outcome = ChangeOutcome.Aborted, Message = message });
        }
    }

    /// <summary>Records that the files of a committed removal are gone.</summary>
    /// <exception cref="BtxException">The change has no open purge, or this could not be written: then the
    /// purge is redone at the next start.</exception>
    public ChangeRecord Purged(string id)
    {
        lock (gate)
        {
            if (!history.Any(c => c.Id == id && c is { Outcome: ChangeOutcome.Committed, Purge.Count: > 0, PurgedAt: null }))
                throw new BtxException($"change \"{BtxException.OneLine(id)}\" has no files that are still to be deleted");
            var now = Now();
            file.Append(new() { Type = JournalRecord.Purged, Id = id, Time = now });
            return Settle(id, c => c with { PurgedAt = now });
        }
    }

    /// <summary>Records what the certificate of a committed removal will say; write the certificate only after this.</summary>
    /// <exception cref="BtxException">The change is no committed removal, or this could not be written.</exception>
    public ChangeRecord Certified(string id, CertifiedFindings findings)
    {
        lock (gate)
        {
            if (!history.Any(c => c.Id == id && c is { Kind: ChangeKind.Remove, Outcome: ChangeOutcome.Committed }))
                throw new BtxException($"change \"{BtxException.OneLine(id)}\" is no committed removal");
            file.Append(new() { Type = JournalRecord.Certified, Id = id, Time = Now(), Findings = findings });
            return Settle(id, c => c with { Certified = [.. c.Certified, findings] });
        }
    }

    /// <summary>Lets another server have the forest. A change that is open counts as interrupted.</summary>
    public void Dispose()
    {
        file.Dispose();
        Signer.Dispose();
        held.Dispose();
    }

    private ChangeRecord Begin(ChangeRequest request, ForestState after, string? undoes)
    {
        lock (gate)
        {
            if (pending is { } open)
                throw new BtxException($"change {open.Id} ({history[^1].Kind} by {history[^1].Author}) is "
                    + "under way; wait until it has ended")
                {
                    Kind = ErrorKind.Conflict
                };
            if (!ChangeKind.Names.Contains(request.Kind) || (request.Kind == ChangeKind.Rollback) != (undoes is not null))
                throw new BtxException($"change kind \"{BtxException.OneLine(request.Kind)}\" is unknown; use "
                    + $"{string.Join(", ", ChangeKind.Names)}");
            ForestStateRules.RequireText("author", request.Author, 200, "name who makes it");
            ForestStateRules.RequireText("reason", request.Reason, 2000, "say why it is made");
            if (after.Revision != state.Revision + 1)
                throw new BtxException($"the change was made for revision {after.Revision - 1}, but the forest is at revision "
                    + $"{state.Revision} now; look at it again and repeat the change")
                {
                    Kind = ErrorKind.Conflict
                };
            after.Checked();
            var record = new ChangeRecord
            {
                Id = IdOf(history.Count + 1),
                Kind = request.Kind,
                Author = request.Author,
                Time = Now(),
                Reason = request.Reason,
                Subjects = request.Subjects,
                Outcome = ChangeOutcome.Open,
                Undoes = undoes,
                RevisionBefore = state.Revision,
                BeforeSha256 = state.Hash(),
                AfterSha256 = after.Hash(),
                Purge = request.Purge,
                Policy = request.Policy,
            };
            file.Append(JournalRecord.Begin(record, after));
            pending = (record.Id, after);
            history.Add(record);
            return record;
        }
    }

    private ForestState Pending(string id) => pending is { } open && open.Id == id ? open.State
        : throw new BtxException($"change \"{BtxException.OneLine(id)}\" is not under way");

    private ChangeRecord Settle(string id, Func<ChangeRecord, ChangeRecord> settle)
    {
        var i = history.FindIndex(c => c.Id == id);
        return history[i] = settle(history[i]);
    }

    private DateTimeOffset Now() => time.GetUtcNow();
}
