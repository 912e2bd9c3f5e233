using Btx.LoadTests.Clients;
using Btx.LoadTests.Load;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Load;

/// <summary>What the client saw is what the server counted.</summary>
public sealed class AgreementTests(TinyServer server) : IClassFixture<TinyServer>
{
    private const int Count = 96, Tokens = 96;

    public static TheoryData<string, string, int?> Ways => new()
    {
        { "grpc", "ensemble", null }, { "grpc", "top_k", 1 }, { "http", "ensemble", null },
    };

    /// <summary>
    /// More are in flight than the server has slots: most of the time to the first token is the wait for one, which the server counts
    /// too. What the client's figure has more is the way
    /// there and back. A machine that was busy elsewhere lengthens that way, so the better of a few
    /// tries counts; the counts must be equal in each.
    /// </summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Counts_are_equal_and_times_within_5_percent(string kind, string mode, int? k)
    {
        await using IServerClient client = kind == "grpc" ? new GrpcClient(server.Grpc) : new OpenAiClient(server.Http);
        using var metrics = new ServerMetrics(server.Http);
        var served = await client.DescribeAsync(CancellationToken.None);
        Assert.Equal((3, 128), (served.Experts.Count, served.ContextLength));
        var texts = new PromptTexts(served.Domains.ToDictionary(d => d,
            _ => new[] { "The cat sat on the mat, and the dog lay by the client.\nNobody came." }), "a few lines");
        var mix = DomainMix.Read("--domains", null, texts.Domains);
        var routing = new RoutingChoice(mode, k);
        var (prompts, outputs) = (Lengths.Uniform(8, 24), Lengths.Fixed(Tokens));
        var ruler = await PromptRuler.MeasureAsync(client, texts, mix, routing, served, prompts, 1, CancellationToken.None);
        (double FirstToken, double Request, double Tokens) apart = default;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var plan = new LoadPlan(Arrivals.Closed(32), texts, ruler, mix, prompts, outputs, attempt);
            var outcome = await new LoadRun(client, served, plan, routing, new() { Requests = Count }) { Metrics = metrics }
                .RunAsync(CancellationToken.None);
            var (seen, counted) = (outcome.Summarise(), outcome.Server!);
            Assert.Equal((Count, 0), (seen.Requests, seen.Failed));
            Assert.Equal((Count, (double)Count * Tokens), (counted.Requests, counted.CompletionTokens));
            Assert.Equal(Count * Tokens, seen.CompletionTokens);
            Assert.All(outcome.Records, r => Assert.Equal(Tokens - 1, r.Gaps.Length));
            if (mode == "ensemble") Assert.Equal(seen.PromptTokens * 3, counted.PrefillTokens);
            if (kind == "grpc")
                Assert.Equal(counted.ExpertSteps.Where(s => s.Value > 0), outcome.Records.SelectMany(r => r.ExpertTokens!)
                    .GroupBy(e => e.Key).ToDictionary(g => g.Key, g => g.Sum(e => e.Value)).OrderBy(e => e.Key));
            apart = (Apart(seen.TimeToFirstToken!.Mean, counted.MeanTimeToFirstToken), Apart(seen.EndToEnd!.Mean,
                counted.MeanRequestSeconds), Apart(seen.TokensPerSecond, counted.CompletionTokens / counted.Seconds));
            if (apart is { FirstToken: < 0.05, Request: < 0.05, Tokens: < 0.05 }) return;
        }

        Assert.Fail($"client and server are apart: {apart}");
    }

    private static double Apart(double client, double server) => Math.Abs((client / server) - 1);
}
