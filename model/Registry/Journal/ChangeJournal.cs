namespace Btx.Model.Registry;

/// <summary>The write-ahead journal of a served forest, <c>forest.journal</c> beside <c>served.json</c>: append-only, one record a line,
/// each on disk before the call returns. The forest is revision 0 plus the last committed change, whenever the process dies. One owner at a
/// time, by a lock that the operating system drops with the process.</summary>
public sealed class ChangeJournal : IForestLog
{
    public const string FileName = "forest.journal";
    public const string HeadName = JournalHead.FileName;

    private readonly Lock gate = new();
    private readonly string directory;
    private readonly ForestLock held;
    private readonly JournalFile file;
    private readonly TimeProvider time;
    private readonly List<string> messages = [];
    private readonly ForestHistory history;

    private ChangeJournal(string directory, ForestState @base, TimeProvider time, Action<string>? injectFault)
    {
        (this.directory, this.time, Base) = (directory, time, @base);
        held = ForestLock.Take(directory);
        try
        {
            injectFault?.Invoke("open:locked");
            file = new JournalFile(directory, injectFault);
            injectFault?.Invoke("open:read");
            var contents = file.Contents;
            history = contents.Changes;
            contents.RequireBase(@base.Hash());
            Signer = CertificateSigner.Open(directory);
            if (file.Repair(Signer) is { } key) messages.Add(key);
            if (contents.Torn is { } torn) messages.Add(torn);
            if (contents.BaseSha256 is null)
                file.Append(new(JournalRecord.Opened, Now())
                { Schema = JournalRecord.CurrentSchema, BeforeSha256 = @base.Hash(), State = @base });
            AtomicFile.SyncDirectory(directory);
            if (history.Open is { } open)
            {
                file.Append(new(JournalRecord.Aborted, Now()) { Id = open.Id });
                messages.Add($"change {open.Id} was begun but not committed when the server ended; it does not count, the forest is at "
                    + $"revision {State.Revision}");
                history.Abort(null);
            }

            injectFault?.Invoke("open:repaired");
        }
        catch (Exception e)
        {
            file?.Dispose();
            Signer?.Dispose();
            held.Dispose();
            if (e is not (IOException or UnauthorizedAccessException)) throw;
            throw new BtxException($"{Path.Combine(directory, FileName)}: cannot be opened: {BtxException.OneLine(e.Message)}", e);
        }
    }

    /// <summary>The names that the hook of <see cref="Open"/> is called with, in order of a change with a purge.</summary>
    public static IReadOnlyList<string> FaultPoints { get; } =
    [
        "open:locked", "open:read", "open:writing", "open:written", "open:synced", "open:signed", "open:repaired",
        .. new[] { JournalRecord.Begun, JournalRecord.Committed, JournalRecord.Aborted, JournalRecord.Purged, JournalRecord.Certified }
            .SelectMany(r => new[] { $"{r}:writing", $"{r}:written", $"{r}:synced", $"{r}:signed" }),
    ];

    public ForestState Base { get; }

    public CertificateSigner Signer { get; }

    public ForestState State
    {
        get { lock (gate) return history.State ?? Base; }
    }

    public ForestState Previous
    {
        get { lock (gate) return history.Previous ?? Base; }
    }

    public IReadOnlyList<string> Messages
    {
        get { lock (gate) return [.. messages]; }
    }

    public IReadOnlyList<ChangeRecord> History
    {
        get { lock (gate) return [.. history.Changes]; }
    }

    /// <summary>Takes the journal of a served forest, makes it if it is not there, and repairs what a crash left.</summary>
    /// <param name="base">Revision 0: see <see cref="ForestState.Base"/>.</param>
    /// <param name="injectFault">Called at each of <see cref="FaultPoints"/>; for tests that end the process or fail there.</param>
    /// <exception cref="BtxException">Another server owns the forest, the journal is damaged or belongs to another export, or the directory
    /// cannot be written.</exception>
    public static ChangeJournal Open(string servedDirectory, ForestState @base, TimeProvider? time = null,
        Action<string>? injectFault = null) => new(Path.GetFullPath(servedDirectory), @base, time ?? TimeProvider.System, injectFault);

    public ChangeRecord Begin(ChangeRequest request, ForestState after)
    {
        lock (gate) return Begin(history.Next(request, State, after, Now()), after);
    }

    public ChangeRecord BeginRollback(string author, string reason, out ForestState after)
    {
        lock (gate)
        {
            var last = history.Reversible();
            after = Previous with { Revision = State.Revision + 1 };
            var request = new ChangeRequest { Kind = ChangeKind.Rollback, Author = author, Reason = reason, Subjects = last.Subjects };
            return Begin(history.Next(request, State, after, Now(), last.Id), after);
        }
    }

    public ChangeRecord Commit(string id, ForestState? made = null)
    {
        lock (gate)
        {
            var after = history.Made(id, made, out var isOther);
            file.Append(new(JournalRecord.Committed, Now())
            { Id = id, State = isOther ? after : null, AfterSha256 = isOther ? after.Hash() : null });
            return history.Commit(after, file.Records, file.LastSha256);
        }
    }

    public ChangeRecord Abort(string id, string message)
    {
        lock (gate)
        {
            history.Pending(id);
            message = BtxException.OneLine(message);
            try
            {
                file.Append(new(JournalRecord.Aborted, Now()) { Id = id, Message = message });
            }
            catch (BtxException e)
            {
                messages.Add($"the end of change {id} is not in the journal: {e.Message}");
            }

            return history.Abort(message);
        }
    }

    public ChangeRecord Purged(string id)
    {
        lock (gate)
        {
            var now = Now();
            history.RequireOpenPurge(id);
            file.Append(new(JournalRecord.Purged, now) { Id = id });
            return history.Purged(id, now);
        }
    }

    public ChangeRecord Certified(string id, CertifiedFindings findings)
    {
        lock (gate)
        {
            history.RequireRemoval(id);
            file.Append(new(JournalRecord.Certified, Now()) { Id = id, Findings = findings });
            return history.Certified(id, findings);
        }
    }

    public (ForestState Before, ForestState After) StatesOf(string id) =>
        JournalContents.Read(directory, id).Wanted is var (before, after) ? (before ?? Base, after ?? State) : default;

    public void RequireReadable()
    {
        if (History.Count > 0) CommittedState.Read(directory); // else the journal has no change yet
    }

    /// <summary>Lets another server have the forest. A change that is open counts as interrupted.</summary>
    public void Dispose()
    {
        file.Dispose();
        Signer.Dispose();
        held.Dispose();
    }

    private ChangeRecord Begin(ChangeRecord change, ForestState after)
    {
        file.Append(JournalRecord.Begin(change, after));
        return history.Add(change, after);
    }

    private DateTimeOffset Now() => time.GetUtcNow();
}
