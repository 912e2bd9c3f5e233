using Btx.Engine.Sessions;
using Btx.Model.Mixing;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>
/// A loaded forest. Immutable; a change of the forest makes a new one and swaps the reference. Requests hold leases; a retired
/// snapshot frees its models when the last lease comes back.
/// </summary>
internal sealed class ForestSnapshot
{
    private readonly IReadOnlyDictionary<string, double[]> priors;
    private readonly Func<double[], string, IModelRunner> averageBuilder;
    private readonly Action release;
    private int leases;
    private int retired;
    private int released;

    /// <param name="priors">Cached prior by domain, each length E, summing to 1.</param>
    /// <param name="averageBuilder">Makes the model of given averaging weights; slow, thread-safe, any thread.</param>
    /// <param name="release">Frees everything the runners need, after they are disposed.</param>
    /// <param name="mixture">The BTX model beside the forest; null: none. Taken over.</param>
    public ForestSnapshot(
        ForestDescription description,
        TextTokenizer tokenizer,
        int? eosId,
        IReadOnlyList<IModelRunner> experts,
        IReadOnlyDictionary<string, double[]> priors,
        Func<double[], string, IModelRunner> averageBuilder,
        Action release,
        ServedMixture? mixture = null)
    {
        Mixture = mixture;
        Description = description;
        Tokenizer = tokenizer;
        EosId = eosId;
        Experts = experts;
        this.priors = priors;
        this.averageBuilder = averageBuilder;
        this.release = release;
    }

    public ForestDescription Description { get; }

    public TextTokenizer Tokenizer { get; }

    public int? EosId { get; }

    /// <summary>In the order of the description; none where only a BTX model is served.</summary>
    public IReadOnlyList<IModelRunner> Experts { get; }

    /// <summary>What mode moe runs on.</summary>
    public ServedMixture? Mixture { get; }

    public int Leases => Volatile.Read(ref leases);

    /// <summary>π of a domain; uniform for null.</summary>
    public double[] Prior(string? domain) => domain is null ? DomainPosterior.Uniform(Experts.Count) : priors[domain];

    /// <summary>Makes an averaged model; the caller owns it.</summary>
    public IModelRunner BuildAverage(AverageKey key) => averageBuilder(Prior(key.Domain), key.ToString());

    public SnapshotLease Lease()
    {
        Interlocked.Increment(ref leases);
        return new SnapshotLease(this);
    }

    public void ReturnLease()
    {
        if (Interlocked.Decrement(ref leases) == 0 && Volatile.Read(ref retired) != 0) Release();
    }

    /// <summary>No new leases come after this; frees the models now or with the last lease.</summary>
    public void Retire()
    {
        Volatile.Write(ref retired, 1);
        if (Leases == 0) Release();
    }

    private void Release()
    {
        if (Interlocked.Exchange(ref released, 1) != 0) return;
        foreach (var expert in Experts) expert.Dispose();
        Mixture?.Runner.Dispose();
        release();
    }
}
