using Btx.Engine.Grammars;

namespace Btx.Engine.Forests;

/// <summary>A loaded forest. Immutable; a change of the forest makes a new one and swaps the reference. Models are shared between
/// snapshots. Requests hold leases; a retired snapshot lets go of its models when the last lease comes back.</summary>
public sealed class ForestSnapshot
{
    private static long lastId;

    private readonly IReadOnlyDictionary<string, double[]> priors;
    private readonly IReadOnlyDictionary<string, double[]> named;
    private int holds = 1; // one a lease, and one until it is retired
    private int retired;

    /// <param name="experts">In the order of every per-expert array; none where only a BTX model is served.</param>
    /// <param name="priors">As recorded; of two for one domain, the first that gives an expert weight.</param>
    /// <param name="named">Weights of the named averages, by expert.</param>
    internal ForestSnapshot(ServingResources resources, IReadOnlyList<SnapshotExpert> experts, IReadOnlyList<RecordedPrior> priors,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> named, ServedMoe? moe, IReadOnlyList<string>? quarantined = null,
        ForestSnapshot? previous = null, ForestDamage? damage = null)
    {
        Id = Interlocked.Increment(ref lastId);
        PreviousId = previous?.Id ?? 0;
        (Resources, Experts, RecordedPriors, Moe) = (resources, experts, priors, moe);
        EndTokens = [.. experts.SelectMany(e => e.Model.Checkpoint?.Config.EosTokenIds ?? []).Concat(moe?.EndTokens ?? []).Distinct()];
        if (EndTokens.Length == 0 && resources.Tokenizer.EosId is { } end) EndTokens = [end];
        this.priors = PriorsByDomain(experts, priors);
        NamedAverages = named.Where(a => Over(experts, a.Value) is not null).ToDictionary(StringComparer.Ordinal);
        this.named = NamedAverages.ToDictionary(a => a.Key, a => Over(experts, a.Value)!, StringComparer.Ordinal);
        Description = new([.. experts.Select(e => e.Name)], [.. experts.Select(e => e.Domain)], [.. this.priors.Keys],
            resources.ContextLength, resources.VocabSize, resources.ForestSha256, resources.Precision, resources.Device,
            resources.Time.GetUtcNow(), moe?.Description)
        {
            Averages = [.. this.named.Keys],
            Quarantined = quarantined ?? [],
            Damage = damage ?? ForestDamage.None,
            Memory = Models.Aggregate(default(ModelMemory), (sum, m) => sum + m.Runner.Memory),
        };
        foreach (var model in Models) model.Hold();
        resources.Enter();
    }

    public ForestDescription Description { get; }

    internal long Id { get; }

    /// <summary>The snapshot that this one was made from; 0: none.</summary>
    internal long PreviousId { get; }

    internal ServingResources Resources { get; }

    internal TextTokenizer Tokenizer => Resources.Tokenizer;

    /// <summary>The tokens that end a text: those of every model that is served; the tokenizer's where no model names any.</summary>
    internal int[] EndTokens { get; }

    /// <summary>In the order of the description; none where only a BTX model is served.</summary>
    internal IReadOnlyList<SnapshotExpert> Experts { get; }

    internal IReadOnlyList<RecordedPrior> RecordedPriors { get; }

    /// <summary>Weights as they were chosen, by expert; those that leave no expert are gone.</summary>
    internal IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> NamedAverages { get; }

    internal ServedMoe? Moe { get; }

    /// <summary>The experts', then the BTX model's.</summary>
    internal IEnumerable<ServedModel> Models => Moe is null ? Experts.Select(e => e.Model) : Experts.Select(e => e.Model).Append(Moe.Model);

    internal int Leases => Volatile.Read(ref holds) - 1 + Volatile.Read(ref retired);

    /// <summary>Every average that a request can ask for.</summary>
    internal IEnumerable<AverageKey> AverageKeys =>
        Experts.Count == 0 ? [] : priors.Keys.Select(d => new AverageKey(d)).Concat(named.Keys.Select(n => new AverageKey(null, n)))
        .Prepend(new AverageKey((string?)null));

    /// <summary>Lets go of the models of a snapshot that was never swapped in; one that was, the engine retires.</summary>
    public void Discard() => Retire();

    internal bool HasPrior(string domain) => priors.ContainsKey(domain);

    /// <summary>π of a domain, length E; uniform for null.</summary>
    internal double[] Prior(string? domain) => domain is null ? DomainPosterior.Uniform(Experts.Count) : priors[domain];

    internal AverageRecipe? Recipe(AverageKey key)
    {
        var weights = key.Named is { } name ? named.GetValueOrDefault(name)
            : key.Domain is null || HasPrior(key.Domain) ? Prior(key.Domain) : null;
        return weights is null ? null : new AverageRecipe([.. Experts.Select((e, j) => (e.Model, weights[j])).Where(t => t.Item2 > 0)]);
    }

    /// <exception cref="InvalidOperationException">It was retired and its last lease is back.</exception>
    internal SnapshotLease Lease() => TryLease() ?? throw new InvalidOperationException("the snapshot is retired");

    /// <summary>Null if it was retired and its last lease is back: then there is a newer one.</summary>
    internal SnapshotLease? TryLease()
    {
        while (true)
        {
            var before = Volatile.Read(ref holds);
            if (before == 0) return null;
            if (Interlocked.CompareExchange(ref holds, before + 1, before) == before) return new SnapshotLease(this);
        }
    }

    /// <param name="inBackground">Models are freed on another thread, because the caller is the loop.</param>
    internal void ReturnLease(bool inBackground)
    {
        if (Interlocked.Decrement(ref holds) != 0) return;
        foreach (var model in Models)
        {
            if (inBackground) model.ReleaseInBackground();
            else model.Release();
        }

        Resources.Leave();
    }

    /// <summary>Lets go of the models, now or with the last lease. Idempotent.</summary>
    /// <inheritdoc cref="ReturnLease"/>
    internal void Retire(bool inBackground = false)
    {
        if (Interlocked.Exchange(ref retired, 1) == 0) ReturnLease(inBackground);
    }

    private static Dictionary<string, double[]> PriorsByDomain(IReadOnlyList<SnapshotExpert> experts, IReadOnlyList<RecordedPrior> recorded)
    {
        var priors = new Dictionary<string, double[]>(StringComparer.Ordinal);
        foreach (var prior in recorded)
            if (!priors.ContainsKey(prior.Domain) && Over(experts, prior.Weights) is { } weights) priors.Add(prior.Domain, weights);
        return priors;
    }

    /// <summary>Entries of others are dropped, the rest rescaled to sum to 1; null if nothing is left.</summary>
    private static double[]? Over(IReadOnlyList<SnapshotExpert> experts, IReadOnlyDictionary<string, double> byName)
    {
        double[] weights = [.. experts.Select(e => byName.GetValueOrDefault(e.Name))];
        var sum = weights.Sum();
        return sum > 0 ? [.. weights.Select(w => w / sum)] : null;
    }
}

internal sealed record SnapshotExpert(string Name, string Domain, ServedModel Model);

/// <summary>Keeps a snapshot's models alive while a request uses them. Returning is idempotent.</summary>
internal sealed class SnapshotLease(ForestSnapshot snapshot)
{
    private int returned;

    public ForestSnapshot Snapshot { get; } = snapshot;

    public void Return()
    {
        if (Interlocked.Exchange(ref returned, 1) == 0) Snapshot.ReturnLease(inBackground: true);
    }
}

/// <summary>A loaded BTX model: the runner gives gates of the description's layers and experts.</summary>
internal sealed record ServedMoe(MoeDescription Description, ServedModel Model, IReadOnlyList<int>? EndTokens = null);

/// <summary>A cached prior as it was recorded. It leaves with the expert whose entry holds it.</summary>
/// <param name="Weights">By expert; those that are not served are dropped and the rest rescaled.</param>
internal sealed record RecordedPrior(string Domain, string Expert, IReadOnlyDictionary<string, double> Weights)
{
    /// <summary>Those of quarantined experts too: their domains still have text.</summary>
    public static IReadOnlyList<RecordedPrior> Of(ForestState state) =>
        [.. state.Experts.Where(e => e.Prior is not null).Select(e => new RecordedPrior(e.Domain, e.Name, e.Prior!))];
}

/// <summary>What stays the same however a server's forest changes. Immutable, but for what it counts.</summary>
/// <param name="BuildAverage">Makes the model of an average; slow, any thread.</param>
/// <param name="QuietBuilds">Models can be made on a thread of low priority: their sessions start no threads.</param>
/// <param name="Opener">Opens what a change adds; null where only a BTX model is served.</param>
internal sealed record ServingResources(TextTokenizer Tokenizer, int ContextLength, int VocabSize, string ForestSha256, string Precision,
    string Device, TimeProvider Time, Func<AverageRecipe, string, CancellationToken, IModelRunner> BuildAverage,
    IModelOpener? Opener = null, bool QuietBuilds = false)
{
    private readonly Lazy<TokenTrie> trie = new(() => new TokenTrie(Tokenizer, VocabSize));
    private int live;

    /// <summary>The vocabulary as answers under a grammar need it: made with the first of them.</summary>
    public TokenTrie Trie => trie.Value;

    /// <summary>Whether a change can be prepared on a thread of low priority. A BTX model's sessions have threads of their own.</summary>
    public bool IsQuiet(ForestChange change) => QuietBuilds && change.Moe is null;

    /// <summary>Snapshots that something still holds. Any thread may read it.</summary>
    public int LiveSnapshots => Volatile.Read(ref live);

    public void Enter() => Interlocked.Increment(ref live);

    public void Leave() => Interlocked.Decrement(ref live);
}
