namespace Btx.Engine.Forests;

/// <summary>Keeps a snapshot's models alive while a request uses them. Returning is idempotent.</summary>
internal sealed class SnapshotLease(ForestSnapshot snapshot)
{
    private int returned;

    public ForestSnapshot Snapshot { get; } = snapshot;

    public void Return()
    {
        if (Interlocked.Exchange(ref returned, 1) == 0) Snapshot.ReturnLease(beside: true);
    }
}
