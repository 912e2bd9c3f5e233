using Btx.Engine.Forests;
using Btx.Fixtures;
using Btx.Model.Tokens;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>An engine over <see cref="FakeModelRunner"/>s, a forest and a mixture of two layers and four experts beside it: for exact tests
/// of the loop.</summary>
internal sealed class FakeForest : IAsyncDisposable
{
    public const int Vocab = 320;
    public const int Layers = 2;

    public static MoeDescription MoeDescription { get; } = new()
    {
        Experts = ["a", "b", "c", "d"],
        Domains = ["prose", "code", "prose", "law"],
        ExpertsPerToken = 2,
        Choices = [1, 2, 3, 4],
        Layers = Layers,
        Router = "top2",
        Precision = "fp32",
        Sha256 = "",
    };

    /// <param name="seeds">Of the experts, which are called expert-0, expert-1, …; null: 1, 2, …</param>
    /// <param name="names">Of the experts, if they are called otherwise.</param>
    public FakeForest(int experts = 3, int context = 64, Func<EngineOptions, EngineOptions>? change = null, int[]? seeds = null,
        string[]? names = null, bool records = true)
    {
        var options = new EngineOptions
        { Directory = "fake", Threads = 2, Slots = 4, MaxBatchTokens = 16, PrefillChunk = 4, QueueCapacity = 8 };
        options = change?.Invoke(options) ?? options;
        seeds ??= [.. Enumerable.Range(1, experts)];
        names ??= [.. seeds.Select((_, j) => $"expert-{j}")];
        Experts = [.. seeds.Select(seed => new FakeModelRunner(seed, Vocab, options.Slots) { Records = records })];
        Moe = new FakeModelRunner(77, Vocab, options.Slots, Layers, MoeDescription.Experts.Count) { Records = records };
        Opener = new FakeOpener(options.Slots, records);
        var directory = Directory.CreateTempSubdirectory("btx-fake-");
        TinyForest.WriteTokenizer(directory.FullName);
        var tokenizer = TextTokenizer.Load(directory.FullName);
        directory.Delete(recursive: true);
        var resources = new ServingResources(
            tokenizer, context, Vocab, "", "fp32", "cpu", options.Time,
            (recipe, name, cancellation) => name.Contains("posterior", StringComparison.Ordinal)
                ? throw new InvalidOperationException("no memory") : Average(recipe, options.Slots, records, cancellation), Opener);
        var prior = new Dictionary<string, double>();
        for (var j = 0; j < seeds.Length; j++) prior[names[j]] = j == 0 ? 0.5 : 0.25;
        SnapshotExpert[] served = [.. seeds.Select((_, j) => new SnapshotExpert(names[j], names[j], Opener.Open(names[j], Experts[j])))];
        var moe = new ServedMoe(MoeDescription, Opener.Open("the BTX model", Moe));
        Snapshot = new ForestSnapshot(resources, served, seeds.Length > 0 ? [new RecordedPrior(names[0], names[0], prior)] : [],
            new Dictionary<string, IReadOnlyDictionary<string, double>>(), moe);
        foreach (var expert in served) expert.Model.Release();
        moe.Model.Release();
        Engine = new ForestEngine(options, Snapshot, options.Threads);
    }

    public FakeModelRunner[] Experts { get; }

    public FakeModelRunner Moe { get; }

    public FakeOpener Opener { get; }

    /// <summary>Averages made so far; the seed is 96 and the number of experts in it.</summary>
    public List<FakeModelRunner> Averages { get; } = [];

    /// <summary>Called before an average is made.</summary>
    public Action<CancellationToken> BeforeAverage { get; set; } = static _ => { };

    /// <summary>The first.</summary>
    public ForestSnapshot Snapshot { get; }

    public ForestEngine Engine { get; }

    /// <summary>No model is left.</summary>
    public bool Released => Opener.Live == 0;

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    public Task<SwapReport> Swap(ForestChange change, InFlightPolicy policy = InFlightPolicy.Renormalise) =>
        Engine.SwapAsync(Engine.Prepare(change), policy);

    public Task<SwapReport> Remove(string expert, InFlightPolicy policy = InFlightPolicy.Renormalise) =>
        Swap(new ForestChange { Remove = [expert] }, policy);

    /// <summary>Asks for a change inside the step in which a model has so many tokens in a row's slot: it is swapped in before the next
    /// step.</summary>
    /// <param name="sent">Waited for in its first step: all requests that the change shall find have been sent.</param>
    public Task<SwapReport> SwapWhen(FakeModelRunner runner, int past, ForestChange change,
        InFlightPolicy policy = InFlightPolicy.Renormalise, ManualResetEventSlim? sent = null)
    {
        var asked = new TaskCompletionSource<Task<SwapReport>>();
        runner.Before = (rows, _) =>
        {
            sent?.Wait(TestContext.Current.CancellationToken);
            if (asked.Task.IsCompleted || !rows.Any(r => r.Past >= past)) return;
            asked.SetResult(Swap(change, policy));
        };
        return asked.Task.Unwrap();
    }

    private FakeModelRunner Average(AverageRecipe recipe, int slots, bool records, CancellationToken cancellation)
    {
        BeforeAverage(cancellation);
        cancellation.ThrowIfCancellationRequested();
        var average = new FakeModelRunner(96 + recipe.Terms.Count, Vocab, slots);
        if (records) Averages.Add(average);
        return average;
    }
}
