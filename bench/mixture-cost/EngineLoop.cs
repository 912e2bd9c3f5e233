using System.Diagnostics;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Bench.Mixture;

/// <summary>Streams one sequence through the server's engine; what is timed lies between the first token and the last.</summary>
internal sealed class EngineLoop(ServedModel model, BenchOptions o, int threads) : IDecodeLoop
{
    private const int PromptTokens = 16;

    private readonly bool moe = model.Config.Moe is not null;
    private readonly ForestEngine engine = ForestEngine.Start(new EngineOptions
    {
        Directory = model.Config.Moe is null ? model.Directory : null,
        Moe = model.Config.Moe is null ? null : model.Directory,
        Device = o.Device,
        Threads = threads,
        IntraOpThreads = threads,
        Slots = 1,
        MaxBatchTokens = 64,
        VerifyHashes = false,
    });

    public double Run(int expertsPerToken, int steps, Random random) => RunAsync(expertsPerToken, steps, random).GetAwaiter().GetResult();

    public void Dispose() => engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<double> RunAsync(int k, int steps, Random random)
    {
        var request = new GenerationRequest
        {
            Prompt = [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(250))],
            Routing = moe
                ? new Routing { Mode = RoutingMode.Moe, K = Math.Min(k, model.Config.Moe!.Experts) }
                : new Routing { Mode = RoutingMode.Expert, Expert = engine.Describe().Experts[0] },
            MaxTokens = steps + 1,
            IgnoreEndOfSequence = true,
        };
        long first = 0, last = 0;
        await foreach (var e in engine.Generate(request, CancellationToken.None).ReadAllAsync().ConfigureAwait(false))
        {
            if (e.Finish is FinishReason.Failed or FinishReason.Cancelled)
                throw new InvalidOperationException($"a stream ended with {e.Finish}");
            if (e.Token is null) continue;
            last = Stopwatch.GetTimestamp();
            if (first == 0) first = last;
        }

        return Stopwatch.GetElapsedTime(first, last).TotalMilliseconds / steps;
    }
}
