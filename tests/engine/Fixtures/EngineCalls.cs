using Btx.Engine.Forests;
using Btx.Engine.Loop;
using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>What tests ask of an engine.</summary>
internal static class EngineCalls
{
    public static GenerationRequest Request(Routing routing, int maxTokens = 12, int[]? prompt = null,
        SamplingOptions? sampling = null) => new()
        {
            Prompt = prompt ?? [256, 84, 104, 101, 32, 99, 97, 116],
            Routing = routing,
            MaxTokens = maxTokens,
            Sampling = sampling ?? new SamplingOptions { Temperature = 0 },
            IgnoreEndOfSequence = true,
            ReportExperts = true,
        };

    public static Routing Expert(string name) => new() { Mode = RoutingMode.Expert, Expert = name };

    public static Routing TopK(int k) => new() { Mode = RoutingMode.TopK, K = k };

    public static Routing Probe(Routing routing, int tokens) => routing with { Router = ExpertRouter.Probe, ProbeTokens = tokens };

    public static Routing Moe(int k) => new() { Mode = RoutingMode.Moe, K = k };

    /// <summary>Reads a stream to its end.</summary>
    public static async Task<List<TokenEvent>> Read(this System.Threading.Channels.ChannelReader<TokenEvent> reader)
    {
        var events = new List<TokenEvent>();
        await foreach (var e in reader.ReadAllAsync(TestContext.Current.CancellationToken)) events.Add(e);
        return events;
    }

    public static Task<List<TokenEvent>> Run(this ForestEngine engine, GenerationRequest request) =>
        engine.Generate(request, TestContext.Current.CancellationToken).Read();

    public static int[] Tokens(this IEnumerable<TokenEvent> events) =>
        [.. events.Where(e => e.Token is not null).Select(e => e.Token!.Value)];

    public static ForestSnapshot Prepare(this ForestEngine engine, ForestChange change) =>
        engine.PrepareAsync(change).GetAwaiter().GetResult();

    /// <summary>The invariants hold; with nothing under way, no slot is taken.</summary>
    public static async Task AssertSound(this ForestEngine engine, bool idle = true)
    {
        var view = await engine.InspectAsync();
        Assert.Empty(EngineInvariants.Problems(view));
        if (!idle) return;
        Assert.Empty(view.Running);
        Assert.Equal(0, view.Leases);
        Assert.All(view.Lanes, l => Assert.Equal(l.Used.Count, l.Free));
    }
}
