using Btx.LoadTests.Clients;
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
    /// <param name="kind"><c>grpc</c> or <c>http</c>.</param>
    /// <param name="concurrency">Requests in flight.</param>
    /// <param name="seconds">That are measured; a fourth as many go before.</param>
    public static async Task<Ceiling> MeasureAsync(string kind, int concurrency, double seconds, int promptWords, int outputTokens,
        CancellationToken cancellation)
    {
        await using var server = await InstantServer.StartAsync(cancellation);
        await using IServerClient client = kind == "grpc" ? new GrpcClient(server.Grpc) : new OpenAiClient(server.Http);
        var words = string.Join(' ', Enumerable.Repeat("word", promptWords));
        var texts = new PromptTexts(new Dictionary<string, string[]> { ["word"] = [words] }, "a word");
        var ruler = new PromptRuler(new Dictionary<string, (double, double)> { ["word"] = ("word ".Length, "word ".Length) }, 0);
        var plan = new LoadPlan(Arrivals.Closed(concurrency), texts, ruler, DomainMix.Read("", null, texts.Domains),
            Lengths.Fixed(promptWords), Lengths.Fixed(outputTokens), 0);
        for (var tries = 0; tries < Tries; tries++, seconds *= 2)
        {
            var bounds = new LoadBounds { WarmUpSeconds = Math.Max(0.25, seconds / 4), Seconds = seconds };
            var load = new LoadRun(client, new([], [], [], [], 0, 0, "", ""), plan, new("ensemble"), bounds);
            var outcome = await load.RunAsync(cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (outcome.Records.FirstOrDefault(r => !r.Ok) is { } failed)
                throw new LoadTestException($"the ceiling could not be measured: {failed.Status}: {failed.Error}");
            if (outcome.Summarise() is { TokensPerSecond: > 0 and var tokens, RequestsPerSecond: > 0 and var requests })
                return new(kind, concurrency, requests, tokens, outcome.ProcessorShare / tokens);
        }

        throw new LoadTestException($"the ceiling could not be measured: no request ended within {seconds / 2} s; is the machine busy with "
            + "something else?");
    }

    /// <summary>The larger of a load's shares of the ceiling: of its tokens and of its requests a second.</summary>
    public static double Share(Ceiling ceiling, LoadSummary load) => Math.Max(load.TokensPerSecond / ceiling.TokensPerSecond,
        ceiling.RequestsPerSecond > 0 ? load.RequestsPerSecond / ceiling.RequestsPerSecond : 0);
}
