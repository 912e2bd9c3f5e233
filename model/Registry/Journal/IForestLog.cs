namespace Btx.Model.Registry;

/// <summary>The record of a served forest's changes: each is in it before it is built, and committed before it is swapped in. Whatever a
/// call records is durable when it returns. Thread-safe; one owner and one change at a time. Tests of changes have one in memory.</summary>
public interface IForestLog : IDisposable
{
    /// <summary>Revision 0.</summary>
    ForestState Base { get; }

    ForestState State { get; }

    /// <summary>What a rollback of the last change would restore.</summary>
    ForestState Previous { get; }

    IReadOnlyList<ChangeRecord> History { get; }

    /// <summary>What was repaired when the log was opened, and ends that could not be recorded; one line each.</summary>
    IReadOnlyList<string> Messages { get; }

    /// <summary>The forest's key, for one change at a time. Owned by the log.</summary>
    CertificateSigner Signer { get; }

    string NextId => ChangeRecord.IdOf(History.Count + 1);

    /// <summary>Committed removals whose files are still to be deleted: redo each, then <see cref="Purged"/>.</summary>
    IReadOnlyList<ChangeRecord> OpenPurges => [.. History.Where(c => c.HasOpenPurge)];

    /// <summary>The last committed change, if it can be undone; null: there is none, or it is final.</summary>
    ChangeRecord? RollbackTarget =>
        History.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is { } last && ChangeKind.IsReversible(last.Kind) ? last : null;

    /// <summary>Records a change before it is built. Nothing of it counts until <see cref="Commit"/>.</summary>
    /// <exception cref="BtxException">Another change is under way, request or state is not valid, or it cannot be recorded.</exception>
    ChangeRecord Begin(ChangeRequest request, ForestState after);

    /// <summary>Begins the rollback of <see cref="RollbackTarget"/>: a change of its own that restores what was before.</summary>
    /// <exception cref="BtxException">There is nothing to roll back, or as <see cref="Begin"/>.</exception>
    ChangeRecord BeginRollback(string author, string reason, out ForestState after);

    /// <summary>Makes the begun change the state, now and after every restart. Swap only after this.</summary>
    /// <param name="made">What the change was begun with and what building added, as the same revision; null: nothing was added.</param>
    /// <exception cref="BtxException">It could not be recorded: the old state stands; call <see cref="Abort"/>.</exception>
    ChangeRecord Commit(string id, ForestState? made = null);

    /// <summary>Gives the begun change up; where that cannot be recorded, a start finds it without a commit.</summary>
    ChangeRecord Abort(string id, string message);

    /// <summary>Records that the files of a committed removal are gone.</summary>
    /// <exception cref="BtxException">The change has no open purge, or it could not be recorded: the next start purges again.</exception>
    ChangeRecord Purged(string id);

    /// <summary>Records what the certificate of a committed removal will say; write the certificate only after this.</summary>
    /// <exception cref="BtxException">The change is no committed removal, or this could not be recorded.</exception>
    ChangeRecord Certified(string id, CertifiedFindings findings);

    /// <summary>The states that a change was begun from and led to; the present one where it was not committed.</summary>
    (ForestState Before, ForestState After) StatesOf(string id);

    /// <summary>Reads what is stored once more, as the next start would.</summary>
    /// <exception cref="BtxException">It cannot be read, or is damaged.</exception>
    void RequireReadable();
}

/// <summary>The changes of a served forest and the states that they led to, in memory: what every <see cref="IForestLog"/> keeps, and the
/// rules by which a change begins and ends. A state of null is revision 0. Not thread-safe.</summary>
public sealed class ForestHistory
{
    private readonly List<ChangeRecord> changes = [];
    private ForestState? pending; // of the last change

    public IReadOnlyList<ChangeRecord> Changes => changes;

    public ForestState? State { get; private set; }

    /// <summary>The state before the last commit.</summary>
    public ForestState? Previous { get; private set; }

    public ChangeRecord? Open => pending is null ? null : changes[^1];

    /// <summary>The state that the open change was begun for.</summary>
    /// <exception cref="BtxException">The change is not under way.</exception>
    public ForestState Pending(string? id) => Open is { } open && open.Id == id ? pending!
        : throw new BtxException($"change \"{BtxException.OneLine(id ?? "")}\" is not under way");

    /// <summary>The record of a change that may begin now; it is not added yet.</summary>
    /// <param name="undoes">Of a rollback: the change that it undoes.</param>
    /// <exception cref="BtxException">Another change is under way, or the request or the state is not valid.</exception>
    public ChangeRecord Next(ChangeRequest request, ForestState current, ForestState after, DateTimeOffset time, string? undoes = null)
    {
        if (Open is { } open)
            throw new BtxException(ErrorKind.Conflict, $"change {open.Id} ({open.Kind} by {open.Author}) is under way; wait until it has "
                + "ended");
        if (!ChangeKind.Names.Contains(request.Kind) || (request.Kind == ChangeKind.Rollback) != (undoes is not null))
            throw new BtxException($"change kind \"{BtxException.OneLine(request.Kind)}\" is unknown; use "
                + string.Join(", ", ChangeKind.Names));
        ForestStateRules.RequireText("author", request.Author, 200, "name who makes it");
        ForestStateRules.RequireText("reason", request.Reason, 2000, "say why it is made");
        if (after.Revision != current.Revision + 1)
            throw new BtxException(ErrorKind.Conflict, $"the change was made for revision {after.Revision - 1}, but the forest is at "
                + $"revision {current.Revision} now; look at it again and repeat the change");
        after.Checked();
        return new(ChangeRecord.IdOf(changes.Count + 1), request, time, undoes, current.Revision, current.Hash(), after.Hash());
    }

    /// <summary>The last committed change, which a rollback undoes.</summary>
    public ChangeRecord Reversible()
    {
        if (changes.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is not { } last)
            throw new BtxException(ErrorKind.Precondition, "there is no change to roll back");
        if (ChangeKind.IsReversible(last.Kind)) return last;
        throw new BtxException(ErrorKind.Precondition, $"the last change, {last.Id}, is a {last.Kind}; "
            + (last.Kind == ChangeKind.Remove ? "a removal is final, add the expert again instead"
                : "a rollback is not undone, make the change again instead"));
    }

    /// <summary>The state that a commit makes: what the change was begun for, or what building made of it.</summary>
    /// <exception cref="BtxException">The change is not under way, or what was made is of another revision or not valid.</exception>
    public ForestState Made(string id, ForestState? made, out bool isOther)
    {
        var after = Pending(id);
        isOther = made is not null && made.Hash() != after.Hash();
        if (!isOther) return after;
        return made!.Revision == after.Revision ? made.Checked()
            : throw new BtxException($"the change was begun for revision {after.Revision} and made for revision {made.Revision}");
    }

    /// <summary>Begins a change. One that is open still is interrupted.</summary>
    public ChangeRecord Add(ChangeRecord change, ForestState after)
    {
        if (pending is not null) Abort(null);
        changes.Add(change);
        pending = after;
        return change;
    }

    /// <param name="records">Its place in the log, from 1, the log's opening included.</param>
    /// <param name="sha256">Checksum of the log up to there.</param>
    public ChangeRecord Commit(ForestState after, long records, string sha256)
    {
        (Previous, State, pending) = (State, after, null);
        return changes[^1] = changes[^1] with
        {
            Outcome = ChangeOutcome.Committed,
            RevisionAfter = after.Revision,
            AfterSha256 = after.Hash(),
            JournalRecords = records,
            JournalSha256 = sha256,
        };
    }

    /// <param name="message">Null: the server ended before the commit.</param>
    public ChangeRecord Abort(string? message)
    {
        pending = null;
        var outcome = message is null ? ChangeOutcome.Interrupted : ChangeOutcome.Aborted;
        return changes[^1] = changes[^1] with { Outcome = outcome, Message = message };
    }

    public void RequireOpenPurge(string? id) => Require(id, c => c.HasOpenPurge, "has no files that are still to be deleted");

    public void RequireRemoval(string? id) => Require(id, c => c.IsRemoval, "is no committed removal");

    /// <param name="id">Of a change with an open purge.</param>
    public ChangeRecord Purged(string id, DateTimeOffset time) => Settle(id, c => c with { PurgedAt = time });

    /// <param name="id">Of a committed removal.</param>
    public ChangeRecord Certified(string id, CertifiedFindings findings) =>
        Settle(id, c => c with { Certified = [.. c.Certified, findings] });

    private void Require(string? id, Func<ChangeRecord, bool> holds, string otherwise)
    {
        if (!changes.Exists(c => c.Id == id && holds(c)))
            throw new BtxException($"change \"{BtxException.OneLine(id ?? "")}\" {otherwise}");
    }

    private ChangeRecord Settle(string id, Func<ChangeRecord, ChangeRecord> settle)
    {
        var i = changes.FindIndex(c => c.Id == id);
        return changes[i] = settle(changes[i]);
    }
}
