using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests;

/// <summary>What a token costs the loop's thread in memory once everything is warm. Only what leaves the engine is allocated: the event
/// (about 140 bytes), its text, and the stream's queue, which grows with max_tokens. Planning, running, mixing and sampling allocate
/// nothing.</summary>
public sealed class SteadyStateTests(ServedForest forest, ServedBtx btx)
{
    private const int MaxBytesPerToken = 400;

    [Theory]
    [InlineData("ensemble")]
    [InlineData("top_k")]
    [InlineData("expert")]
    [InlineData("moe")]
    [InlineData("moe, a graph for each k")]
    public async Task Decoding_allocates_little_more_than_its_events(string mode)
    {
        await using var engine = ForestEngine.Start(forest.Options with
        { Moe = mode.EndsWith("each k", StringComparison.Ordinal) ? btx.ServedByK : btx.Served });
        var requests = Enumerable.Range(0, 8).Select(i => Request(mode.StartsWith("moe", StringComparison.Ordinal) ? Moe(1 + (i % 2))
            : ForestEngineTests.Mode(mode), 100, [256, 65 + i], new() { Seed = i, TopP = 0.9 }) with
        { ReportExperts = false }).ToList();
        await Task.WhenAll(requests.Select(engine.Run));
        var (bytesBefore, tokensBefore) = engine.DecodeAllocation;
        await Task.WhenAll(requests.Select(engine.Run));
        await engine.AssertSound();
        var (bytes, tokens) = engine.DecodeAllocation;
        Assert.True(tokens - tokensBefore > 600);
        Assert.InRange((bytes - bytesBefore) / (tokens - tokensBefore), 0, MaxBytesPerToken);
        TestContext.Current.SendDiagnosticMessage($"{mode}: {(bytes - bytesBefore) / (double)(tokens - tokensBefore):F0} bytes a token");
    }
}
