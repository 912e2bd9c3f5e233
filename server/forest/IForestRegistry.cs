namespace Btx.Forest;

/// <summary>Changes a served forest while it serves, and remembers every change. One change at a time; a second one waits for nothing and
/// is refused. A change that fails leaves the running forest untouched. Thread-safe. Tests of the host have a fake.</summary>
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

    /// <summary>The commands that retrain the descendants of experts from clean ancestors.</summary>
    /// <param name="corpus">Directory of the text; null: as recorded.</param>
    ReplayRecipe Replay(IReadOnlyList<string> experts, string? corpus, string? seedModel);

    /// <summary>Validates an expert beside the running forest and serves it, from a prepacked session soon after.</summary>
    /// <exception cref="BtxException">One clear line; the forest is as it was.</exception>
    Task<ChangeResult> AddAsync(ExpertAddition addition, IProgress<ChangeProgress>? progress, CancellationToken cancellation);

    /// <summary>Takes experts out. When this completes no token uses them; their sessions, KV caches, averages and priors are gone, and the
    /// certificate is on disk. A removal that is committed is final; cancelling it then has no effect.</summary>
    /// <exception cref="BtxException">Before the commit: the forest is as it was. After it: what is left to do.</exception>
    Task<ChangeResult> RemoveAsync(ExpertRemoval removal, IProgress<ChangeProgress>? progress, CancellationToken cancellation);

    /// <summary>Undoes the last committed change, an addition, an average or a BTX model.</summary>
    Task<ChangeResult> RollbackAsync(ChangeAuthor by, IProgress<ChangeProgress>? progress, CancellationToken cancellation);

    /// <summary>Serves a parameter average under a name.</summary>
    /// <exception cref="BtxException">The name is taken, a weight or an expert is at fault, the sample is too short.</exception>
    Task<ChangeResult> CreateAverageAsync(AverageCreation creation, IProgress<ChangeProgress>? progress, CancellationToken cancellation);

    Task<ChangeResult> DropAverageAsync(string name, ChangeAuthor by, IProgress<ChangeProgress>? progress, CancellationToken cancellation);

    /// <summary>Every event from the call on, the changes under way among them.</summary>
    /// <returns>Too slow a reader loses the oldest events, as <see cref="ForestEvent.Number"/> shows.</returns>
    IAsyncEnumerable<ForestEvent> WatchAsync(CancellationToken cancellation);

    /// <exception cref="BtxException">No such change, it is no removal, or its certificate is not there.</exception>
    byte[] Certificate(string changeId);
}
