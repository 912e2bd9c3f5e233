namespace Btx.Forest;

/// <summary>Changes a served forest while it serves, one change at a time, and remembers each. A change that fails leaves the running
/// forest untouched. Thread-safe. Tests of the host have a fake.</summary>
public interface IForestRegistry
{
    /// <summary>What is served now: the last committed state.</summary>
    ForestState State { get; }

    /// <summary>What of it gets no traffic because its files have changed on disk.</summary>
    ForestDamage Damage { get; }

    IReadOnlyList<ChangeRecord> History { get; }

    /// <summary>SHA-256 (hex) of the public key that certificates are signed with.</summary>
    string KeyFingerprint { get; }

    /// <summary>Names of the directories that experts may be added from, as clients may use them: absolute paths.</summary>
    IReadOnlyList<string> ExpertRoots { get; }

    /// <summary>What a removal would do; nothing is changed.</summary>
    RemovalPlan Plan(IReadOnlyList<string> experts, string lineagePolicy);

    /// <summary>Why the files of what a plan removes would not be deleted, one line; null: nothing is known against it.</summary>
    string? PurgeObstacle(RemovalPlan plan);

    /// <summary>What becomes of a served BTX model that holds what a plan takes out; null: there is none.</summary>
    /// <param name="drop">It is to be served no more.</param>
    MoeFate? MoeFate(RemovalPlan plan, bool drop);

    /// <summary>The commands that retrain the descendants of experts from clean ancestors.</summary>
    /// <param name="corpus">Directory of the text; null: as recorded.</param>
    ReplayRecipe Replay(IReadOnlyList<string> experts, string? corpus, string? seedModel);

    /// <summary>Makes a change; a slow one reports its progress.</summary>
    /// <exception cref="BtxException">One clear line. Before the commit: the forest is as it was. After it: what is left to do.</exception>
    Task<ChangeResult> ChangeAsync(RequestedChange change, IProgress<ChangeProgress>? progress = null,
        CancellationToken cancellation = default);

    /// <summary>Every event from the call on, the changes under way among them.</summary>
    /// <returns>Too slow a reader loses the oldest events, as <see cref="ForestEvent.Number"/> shows.</returns>
    IAsyncEnumerable<ForestEvent> WatchAsync(CancellationToken cancellation);

    /// <exception cref="BtxException">No such change, it is no removal, or its certificate is not there.</exception>
    byte[] Certificate(string changeId);
}

/// <summary>What a removal makes of a served BTX model.</summary>
/// <param name="Outcome">Mixed again without some experts, or served no more.</param>
/// <param name="Obstacle">Why the removal would be refused because of it, one line; null: nothing is known against it.</param>
public sealed record MoeFate(string Outcome, string? Obstacle);
