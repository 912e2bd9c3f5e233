using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Ceilings;

/// <summary>Measures what the generator itself can do.</summary>
public static class CeilingRun
{
    /// <summary>A load above this share of the ceiling is near measuring the generator.</summary>
    public const double SafeShare = 0.5;

    private const int Tries = 4; // a machine that stands still for the time that is measured

    /// <summary>Longer, where nothing ended in that time.</summary>
    /// <param name="door"><c>grpc</c> or <c>http</c>.</param>
    /// <param name="concurrency">Requests in flight.</param>
    /// <param name="seconds">That are measured; a fourth as many go before.</param>
    public static async Task<Ceiling> MeasureAsync(string door, int concurrency, double seconds, int promptWords, int outputTokens,
        CancellationToken cancellation)
    {
        await using var server = await InstantServer.StartAsync(cancellation).ConfigureAwait(false);
        await using IDoor client = door == "grpc" ? new GrpcDoor(server.Grpc) : new OpenAiDoor(server.Http);
        var texts = new PromptTexts(
            new Dictionary<string, string[]> { ["word"] = [string.Join(' ', Enumerable.Repeat("word", promptWords))] }, "a word");
        var ruler = new PromptRuler(new Dictionary<string, (double, double)> { ["word"] = ("word ".Length, "word ".Length) }, null);
        var plan = new LoadPlan(new ClosedArrivals(concurrency), texts, ruler, DomainMix.Read("", null, texts.Domains),
            new FixedLength(promptWords), new FixedLength(outputTokens), 0);
        for (var tries = 0; tries < Tries; tries++, seconds *= 2)
        {
            var bounds = new LoadBounds { WarmUpSeconds = Math.Max(0.25, seconds / 4), Seconds = seconds };
            var outcome = await new LoadRun
            {
                Door = client,
                Served = new([], null, null, null),
                Plan = plan,
                Routing = new("ensemble"),
                Bounds = bounds
            }.RunAsync(cancellation).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            if (outcome.Records.FirstOrDefault(r => !r.Ok) is { } failed)
                throw new LoadTestException($"the ceiling could not be measured: {failed.Status}: {failed.Error}");
            var summary = outcome.Summarise();
            if (summary is { TokensPerSecond: > 0, RequestsPerSecond: > 0 })
                return new(door, concurrency, summary.RequestsPerSecond, summary.TokensPerSecond,
                    outcome.ProcessorShare / summary.TokensPerSecond);
        }

        throw new LoadTestException($"the ceiling could not be measured: no request ended within {seconds / 2} s; "
            + "is the machine busy with something else?");
    }

    /// <summary>The larger of a load's shares of the ceiling: of its tokens and of its requests a second.</summary>
    public static double Share(Ceiling ceiling, LoadSummary load) => Math.Max(load.TokensPerSecond / ceiling.TokensPerSecond,
        ceiling.RequestsPerSecond > 0 ? load.RequestsPerSecond / ceiling.RequestsPerSecond : 0);
}
