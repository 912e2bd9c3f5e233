using System.Security.Cryptography;
using System.Text;

namespace Btx.Forest;

/// <summary>What two forests are asked to see whether they are equal: a text, in every way that a request can be answered.</summary>
internal sealed class EqualityProbe
{
    /// <summary>Tokens that are looked at, of a text that is longer.</summary>
    public const int MostTokens = 4096;

    private const int Window = 256;

    // Any text would do; this one is short, fixed, and of several kinds.
    private const string BuiltIn =
        """
        The removal of one part must leave the others as they were, in every word that they say. Whoever doubts it should compare: the same question, the same answer, number by number.
        Ein Wald ist mehr als die Summe seiner Bäume, doch wer einen fällt, ändert die übrigen nicht. La forêt demeure, un arbre en moins. El bosque sigue en pie; quien lo mide hoy, lo mide igual que ayer.
        Μία φωνή λιγότερη. Одним голосом меньше. 一つの声が消え、残りは変わらない。 少一个声音，其余不变。
        def remaining(forest, removed):
            total = sum(w for name, w in forest.items() if name not in removed)
            return {name: w / total for name, w in forest.items() if name not in removed}
        for (int i = 0; i < count; i++) { sum += weights[i] * values[i]; }  // Σ w·v
        SELECT name, weight FROM experts WHERE removed IS NULL ORDER BY weight DESC LIMIT 10;
        Whereas the party of the first part shall not, in law or in equity, retain 3.14159 per cent (or 2,718 units) thereof; q.e.d.
        """;

    private readonly List<int[]> windows;

    private EqualityProbe(string sha256, List<int[]> windows) => (Sha256, this.windows) = (sha256, windows);

    public string Sha256 { get; }

    public long Tokens => windows.Sum(w => w.Length - 1L);

    /// <summary>Largest |difference| in nats that counts as equal. Products of prepacked weights and of other numbers of rows round
    /// otherwise, and what is rounded are logits: so the tolerance is relative to the largest. With int8 and int4 products take
    /// activations of 8 bits: a difference in the last bit of fp32 can become a step of those.</summary>
    /// <param name="largest">Of the |log-probabilities|, nats.</param>
    public static double Tolerance(string precision, double largest) => (precision == "fp32" ? 2e-5 : 2e-3) * Math.Max(1, largest);

    /// <param name="text">Null: a built-in one of some hundred tokens.</param>
    public static EqualityProbe Of(string? text, ForestEngine engine)
    {
        var tokens = engine.Tokenizer.Encode(text ?? BuiltIn);
        if (tokens.Length < 2)
            throw new BtxException(ErrorKind.Precondition, $"the probe text has {tokens.Length} tokens; give at least 2");
        var length = Math.Min(Window, engine.Describe().ContextLength);
        var windows = new List<int[]>();
        for (var at = 0; at + 1 < Math.Min(tokens.Length, MostTokens); at += length - 1)
            windows.Add(tokens[at..Math.Min(at + length, tokens.Length)]);
        return new(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text ?? BuiltIn))), windows);
    }

    /// <summary>The whole text of everything that has weights: each expert, each average, the BTX model. What is mixed from the experts'
    /// numbers is asked for the first window: a mixture of equal numbers is equal, where it is mixed in the same way.</summary>
    public IEnumerable<ScoreRequest> Requests(ForestDescription forest) =>
        [.. OfWeights(forest).SelectMany(r => windows.Select(w => new ScoreRequest(w, r))),
        .. OfMixtures(forest).Select(r => new ScoreRequest(windows[0], r))];

    private static IEnumerable<Routing> OfWeights(ForestDescription forest)
    {
        foreach (var name in forest.Experts) yield return new() { Mode = RoutingMode.Expert, Expert = name };
        yield return new() { Mode = RoutingMode.Average };
        foreach (var domain in forest.PriorDomains)
            yield return new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = domain };
        foreach (var average in forest.Averages) yield return new() { Mode = RoutingMode.Average, AverageName = average };
        if (forest.Moe is { } moe) yield return new() { Mode = RoutingMode.Moe, K = moe.ExpertsPerToken };
    }

    private static IEnumerable<Routing> OfMixtures(ForestDescription forest)
    {
        foreach (var posterior in Enum.GetValues<PosteriorKind>()) yield return new() { Posterior = posterior };
        foreach (var domain in forest.PriorDomains) yield return new() { PriorDomain = domain };
        for (var k = 1; k <= Math.Min(2, forest.Experts.Count); k++)
        {
            yield return new() { Mode = RoutingMode.TopK, K = k };
            yield return new() { Mode = RoutingMode.TopK, K = k, Select = SelectForm.PerToken };
        }
    }
}

/// <summary>Compares the running forest with one built from scratch, from the files of a state, on one thread of low priority.</summary>
internal sealed class EqualityComparison(RegistryResources resources)
{
    public async Task<EqualityCheck> RunAsync(ForestState state, EqualityProbe probe, CancellationToken cancellation)
    {
        var running = resources.Engine.Describe();
        _ = BuildQueue.Releases; // its thread is made by this one, not by one of low priority
        var expected = await BuildThread.RunAsync(() => Rebuilt(state, probe, running, cancellation));
        double largest = 0, scale = 0;
        var i = 0;
        foreach (var request in probe.Requests(running))
        {
            var score = await PriorEstimate.ScoreAsync(resources.Engine, request, cancellation);
            foreach (var p in expected[i])
                if (double.IsFinite(p)) scale = Math.Max(scale, Math.Abs(p));
            largest = Math.Max(largest, Largest(score.LogProbs, expected[i++]));
        }

        return EqualityCheck.Of(probe.Sha256, probe.Tokens, largest, EqualityProbe.Tolerance(running.Precision, scale));
    }

    // Its threads inherit the priority. Nothing here may wait for the pool, whose threads would inherit it too.
    private List<double[]> Rebuilt(ForestState state, EqualityProbe probe, ForestDescription running, CancellationToken cancellation)
    {
        var options = resources.Serving with
        {
            Threads = 1,
            IntraOpThreads = 1,
            Spinning = Spinning.Never,
            Slots = 1,
            PrepareAverages = false,
            Observer = null,
            Report = null,
            ContextLength = running.ContextLength,
        };
        if (running.Damage.Moe is not null) (options, state) = (options with { Moe = null }, state with { Moe = null });
        var damaged = running.Damage.Experts;
        var experts = state.Experts.Select(e => damaged.ContainsKey(e.Name) ? e with { Status = ExpertStatus.Quarantined } : e);
        state = state with { Experts = [.. experts] };
        var engine = SnapshotLoader.Start(options, new CommittedState(state, resources.Log.Base), prepack: false);
        try
        {
            var built = engine.Describe();
            if (!built.Experts.SequenceEqual(running.Experts) || !built.PriorDomains.SequenceEqual(running.PriorDomains)
                || !built.Averages.SequenceEqual(running.Averages) || built.Moe?.Sha256 != running.Moe?.Sha256)
                throw new BtxException("the forest that was built from scratch has other experts, averages or priors than the running one");
            var scores = new List<double[]>();
            foreach (var request in probe.Requests(built))
            {
                cancellation.ThrowIfCancellationRequested();
                scores.Add(engine.ScoreAsync(request, CancellationToken.None).GetAwaiter().GetResult().LogProbs);
            }

            return scores;
        }
        finally
        {
            engine.Stop();
        }
    }

    private static double Largest(double[] a, double[] b)
    {
        var largest = 0.0;
        for (var t = 0; t < a.Length; t++)
        {
            var difference = a[t] == b[t] ? 0 : Math.Abs(a[t] - b[t]); // two of −∞ are equal
            largest = Math.Max(largest, double.IsFinite(difference) ? difference : double.MaxValue);
        }

        return largest;
    }
}
