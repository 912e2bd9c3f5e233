using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Fixtures;
using Btx.Model.Mixing;
using Btx.Model.Registry;

namespace Btx.Forest.Tests;

/// <summary>A private copy of the tiny served forest with a registry over it, and a second forest whose experts can be added.</summary>
internal sealed class RegistryFixture : IAsyncDisposable
{
    private ForestRegistry? registry;

    public RegistryFixture(ServedForest forest, Func<EngineOptions, EngineOptions>? change = null,
        Func<RegistryOptions, RegistryOptions>? registered = null)
    {
        (Source, Served) = forest.Copy();
        Others = Path.Combine(Path.GetDirectoryName(Source)!, "others");
        new TinyForest { Seed = 77, Experts = 5 }.Write(Others);
        Directory.Move(Path.Combine(Others, "experts", "delta"), Path.Combine(Source, "delta"));
        Engine = forest.Options with { Directory = Served };
        if (change is not null) Engine = change(Engine);
        Options = new RegistryOptions { ExpertRoots = [Others], Report = Reports.Add, InjectFault = p => InjectFault?.Invoke(p) };
        if (registered is not null) Options = registered(Options);
    }

    public static ChangeAuthor Author { get; } = new("ada", "a test");

    public static CancellationToken None => TestContext.Current.CancellationToken;

    public string Source { get; }

    public string Served { get; }

    public string Others { get; }

    public EngineOptions Engine { get; set; }

    public RegistryOptions Options { get; set; }

    public List<string> Reports { get; } = [];

    public Action<string>? InjectFault { get; set; }

    public ForestRegistry Registry => registry ??= ForestRegistry.Open(Engine, Options);

    /// <summary>As another server would find it.</summary>
    public async Task<ForestRegistry> Restart()
    {
        if (registry is not null) await registry.DisposeAsync();
        registry = null;
        return Registry;
    }

    public async ValueTask DisposeAsync()
    {
        if (registry is not null) await registry.DisposeAsync();
    }

    public ExpertAddition Addition(string name = "epsilon", string? directory = null) =>
        new() { By = Author, Name = name, Directory = directory ?? Path.Combine(Others, "experts", name) };

    /// <summary>With a short probe; null gives the built-in one.</summary>
    public static ExpertRemoval Removal(params string[] experts) =>
        new() { By = Author, Experts = experts, Probe = "the cat sat on the mat" };

    public Task<ChangeResult> Add(string name = "epsilon", string? directory = null, IProgress<ChangeProgress>? progress = null) =>
        Registry.ChangeAsync(Addition(name, directory), progress, None);

    public Task<ChangeResult> Remove(params string[] experts) => Registry.ChangeAsync(Removal(experts));

    /// <summary>What the forest says to a fixed text: of every expert, mixed, averaged.</summary>
    public async Task<double[][]> Scores()
    {
        int[] text = [256, .. Enumerable.Range(60, 40)];
        var forest = Registry.Engine.Describe();
        var routings = forest.Experts.Select(EngineCalls.Expert).Append(new Routing()).Append(new Routing { Mode = RoutingMode.Average })
            .Concat(forest.Averages.Select(a => new Routing { Mode = RoutingMode.Average, AverageName = a }))
            .Concat(forest.PriorDomains.Select(d => new Routing { PriorDomain = d, Posterior = PosteriorKind.Fixed })).ToList();
        var scores = new List<double[]>();
        foreach (var routing in routings) scores.Add((await Registry.Engine.ScoreAsync(new ScoreRequest(text, routing), None)).LogProbs);
        return [.. scores];
    }

    /// <summary>A restart gives the same state and the same answers.</summary>
    public async Task AssertSurvivesRestart()
    {
        var (state, scores, forest) = (Registry.State.Hash(), await Scores(), Registry.Engine.Describe());
        await Restart();
        Assert.Equal(state, Registry.State.Hash());
        var again = Registry.Engine.Describe();
        Assert.Equal(forest.Experts, again.Experts);
        Assert.Equal(forest.PriorDomains, again.PriorDomains);
        Assert.Equal(forest.Averages, again.Averages);
        var now = await Scores();
        Assert.Equal(scores.Length, now.Length);
        for (var i = 0; i < now.Length; i++) Assert.Equal(scores[i], now[i], (a, b) => Math.Abs(a - b) < 1e-5);
    }
}
