using System.Diagnostics;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Mixing;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Btx.Bench.Engine;

/// <summary>One measured run: a batch of greedy generations, prompt included.</summary>
internal static class Runs
{
    public const int PromptTokens = 16;

    private static int[] Prompt(int row) => [.. Enumerable.Range(0, PromptTokens).Select(i => 33 + ((row + (7 * i)) % 90))];

    public static async Task<Speed> Engine(ForestEngine engine, Routing routing, int batch, int tokens)
    {
        var clock = Stopwatch.StartNew();
        var cpu = Environment.CpuUsage.TotalTime;
        var streams = Enumerable.Range(0, batch).Select(row => Read(engine, row, routing, tokens)).ToList();
        await Task.WhenAll(streams);
        return Since(clock, cpu, batch * tokens);
    }

    public static Speed Generator(Microsoft.ML.OnnxRuntimeGenAI.Model model, int batch, int tokens)
    {
        var clock = Stopwatch.StartNew();
        var cpu = Environment.CpuUsage.TotalTime;
        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("max_length", PromptTokens + tokens);
        parameters.SetSearchOption("min_length", PromptTokens + tokens);
        parameters.SetSearchOption("batch_size", batch);
        using var generator = new Generator(model, parameters);
        generator.AppendTokens(Enumerable.Range(0, batch).SelectMany(Prompt).ToArray());
        while (!generator.IsDone()) generator.GenerateNextToken();
        return Since(clock, cpu, batch * tokens);
    }

    private static Speed Since(Stopwatch clock, TimeSpan cpu, int tokens) =>
        new(tokens / clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / tokens);

    private static async Task Read(ForestEngine engine, int row, Routing routing, int tokens)
    {
        var request = new GenerationRequest
        {
            Prompt = Prompt(row),
            Routing = routing,
            MaxTokens = tokens,
            IgnoreEndOfSequence = true,
            Sampling = new SamplingOptions { Temperature = 0 },
        };
        await foreach (var e in engine.Generate(request, CancellationToken.None).ReadAllAsync())
        {
            if (e.Finish is FinishReason.Failed or FinishReason.Cancelled)
                throw new InvalidOperationException($"a stream ended with {e.Finish}");
        }
    }
}
