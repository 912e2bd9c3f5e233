using System.Diagnostics;
using System.Text.Json;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Fixtures;
using Btx.LoadTests.Clients;
using Btx.Model.Mixing;

namespace Btx.LoadTests.Tests.Peers;

/// <summary>The real peers, in processes of their own, generate the engine's greedy tokens: what is
/// compared for speed computes the same.</summary>
public sealed class GreedyParityTests
{
    private const int Tokens = 24;

    private static readonly int[][] s_prompts = [[256, 84, 104, 101, 32, 113], [256, 65],
        [.. Enumerable.Range(0, 40).Select(i => 33 + (7 * i % 90))], [256, 257, 258, 300, 301, 302, 303, 304, 305]];

    [Theory]
    [InlineData("llama.cpp", false, 1)]
    [InlineData("llama.cpp", true, 3)]
    [InlineData("genai", false, 1)]
    [InlineData("genai", true, 3)]
    public async Task A_peers_greedy_tokens_are_the_engines(string peer, bool tied, int slots)
    {
        using var served = new TinyServedForest(new TinyForest
        {
            Config = TinyForest.DefaultConfig with { TieWordEmbeddings = tied },
            Experts = 1
        }, o => o with { GenAI = true });
        var place = peer == "genai" ? Path.Combine(served.Served, "weights", "alpha") : Path.Combine(served.Forest, "experts", "alpha");
        var command = PeerChoice.Parse($"{peer}={place}").Command(slots, 0);
        // the engine's is fp32
        var theirs = await AskAsync(peer == "genai" ? command : [.. command, "--cache", "fp32"]);
        await using var engine = ForestEngine.Start(new EngineOptions { Directory = served.Served, Threads = 1 });
        for (var i = 0; i < s_prompts.Length; i++)
        {
            var ours = new List<int>();
            var request = new GenerationRequest
            {
                Prompt = s_prompts[i],
                Routing = new Routing
                {
                    Mode = RoutingMode.Expert,
                    Expert = "alpha"
                },
                MaxTokens = Tokens,
                IgnoreEndOfSequence = true,
                Sampling = new SamplingOptions { Temperature = 0 }
            };
            await foreach (var e in engine.Generate(request, TestContext.Current.CancellationToken)
                .ReadAllAsync(TestContext.Current.CancellationToken))
            {
                if (e.Token is { } token) ours.Add(token);
            }

            Assert.Equal(ours, theirs[i]);
        }

        Assert.True(theirs.SelectMany(t => t).Distinct().Count() > 8, "degenerate sequences prove nothing");
    }

    private static async Task<List<int>[]> AskAsync(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        for (var i = 0; i < s_prompts.Length; i++)
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new
            {
                id = i,
                prompt = s_prompts[i],
                max_tokens = Tokens
            }));
        process.StandardInput.Close();
        var tokens = s_prompts.Select(_ => new List<int>()).ToArray();
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.GetProperty("event").GetString() == "token")
                tokens[json.RootElement.GetProperty("id").GetInt32()].Add(json.RootElement.GetProperty("token").GetInt32());
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return tokens;
    }
}
