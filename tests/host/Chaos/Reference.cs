using System.Collections.Concurrent;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Server.Tests.Chaos;

/// <summary>A forest made from scratch of the experts of some names, in this process: what a server with
/// that state must say. Kept for all tests.</summary>
internal sealed class Reference
{
    private static readonly ConcurrentDictionary<string, Lazy<Reference>> Made = new();
    private static readonly string[] Usual = ["alpha", "beta", "gamma", "delta", "epsilon", "child",
        .. Enumerable.Range(1, 16).Select(n => $"guest-{n}")];
    private readonly ForestEngine _engine;

    private Reference(IReadOnlyList<string> experts)
    {
        var forest = new ChaosForest(experts); // averages are made when they are asked for
        AppDomain.CurrentDomain.ProcessExit += (_, _) => forest.Dispose();
        _engine = ForestEngine.Start(new EngineOptions { Directory = forest.Served, Threads = 1, Slots = 2 });
    }

    public ForestDescription Forest => _engine.Describe();

    /// <param name="experts">In any order.</param>
    public static Reference Of(params IEnumerable<string> experts)
    {
        string[] sorted = [.. experts.Order(StringComparer.Ordinal)];
        return Made.GetOrAdd(string.Join(' ', sorted), _ => new(() => new(sorted))).Value;
    }

    public Task<ScoreResult> ScoreAsync(int[] tokens, Routing routing) =>
        _engine.ScoreAsync(new ScoreRequest(tokens, routing), TestContext.Current.CancellationToken);

    /// <summary>Greedy tokens.</summary>
    public async Task<int[]> ContinueAsync(int[] prompt, Routing routing, int tokens)
    {
        var request = new GenerationRequest
        {
            Prompt = prompt,
            Routing = routing,
            MaxTokens = tokens,
            IgnoreEndOfSequence = true,
            Sampling = new() { Temperature = 0 }
        };
        var events = _engine.Generate(request, TestContext.Current.CancellationToken);
        var given = new List<int>();
        await foreach (var e in events.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            if (e.Token is { } token) given.Add(token);
        }

        return [.. given];
    }

    /// <summary>log p of every token but the first under one expert.</summary>
    public static async Task<double[]> OfExpertAsync(string name, int[] tokens) =>
        (await (Usual.Contains(name) ? Of(Usual) : Of(name)).ScoreAsync(tokens,
        new Routing { Mode = RoutingMode.Expert, Expert = name })).LogProbs;

    /// <summary>The same under the uniform average of some.</summary>
    public static async Task<double[]> OfAverageAsync(IEnumerable<string> experts, int[] tokens) =>
        (await Of(experts).ScoreAsync(tokens, new Routing { Mode = RoutingMode.Average })).LogProbs;
}
