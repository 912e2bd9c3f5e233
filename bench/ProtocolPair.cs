using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;
using MathNet.Numerics.Statistics;

namespace Btx.Bench;

/// <summary>One server asked over HTTP and over gRPC by turns, by the clients of .NET: what protocol-pair/ measures with those of Node, so
/// that it can be told what is the server's and what the client's.</summary>
internal static class ProtocolPair
{
    private const int Streams = 8, Requests = 10, Tokens = 96, All = Streams * Requests * Tokens, Firsts = 20, WarmUp = 3;
    private const string Prompt = "In the beginning God created";

    public static Command Verb()
    {
        var http = new Flag<string>("--http URL", "of a running server, as http://127.0.0.1:8080") { Required = true };
        var rpc = new Flag<string>("--grpc URL", "of the same server") { Required = true };
        var expert = new Flag<string>("--expert NAME", "that answers alone") { Required = true };
        var rounds = new Flag<int>("--rounds N", "of each protocol, by turns", 15).Between(1);
        var verb = new Command("protocols", "The time to the first token and the tokens a second of 8 streams, over HTTP and over gRPC.")
        { http, rpc, expert, rounds };
        verb.SetAction(async (parsed, _) =>
        {
            using var client = new HttpClient { BaseAddress = new(parsed.GetValue(http)!) };
            using var channel = GrpcChannel.ForAddress(parsed.GetValue(rpc)!);
            var inference = new Inference.InferenceClient(channel);
            var name = parsed.GetValue(expert)!;
            Func<int, Action, Task>[] protocols = [(tokens, came) => OverHttpAsync(client, name, tokens, came),
                (tokens, came) => OverGrpcAsync(inference, name, tokens, came)];
            List<double>[] waits = [[], []], rates = [[], []], servers = [[], []], clients = [[], []];
            for (var round = -WarmUp; round < parsed.GetValue(rounds); round++)
            {
                foreach (var p in round % 2 == 0 ? new[] { 0, 1 } : [1, 0])
                {
                    var wait = await FirstAsync(protocols[p]);
                    var (server, own, began) = (await ProcessorAsync(client), Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
                    await StreamAsync(protocols[p]);
                    var (seconds, used) = (Stopwatch.GetElapsedTime(began).TotalSeconds, Environment.CpuUsage.TotalTime - own);
                    if (round < 0) continue;
                    waits[p].Add(wait);
                    rates[p].Add(All / seconds);
                    servers[p].Add((await ProcessorAsync(client) - server) * 1e6 / All);
                    clients[p].Add(used.TotalMicroseconds / All);
                }
            }

            foreach (var (protocol, p) in new[] { ("HTTP", 0), ("gRPC", 1) })
                Console.WriteLine($"{protocol}: processor time a token: the server and its model {servers[p].Median():0.0} us, the client "
                    + $"{clients[p].Median():0.0} us");
            Console.WriteLine($"first token: HTTP {waits[0].Median():0.00} ms, gRPC {waits[1].Median():0.00} ms, ratio "
                + $"{waits[0].Zip(waits[1], (a, b) => a / b).Median():0.00}");
            Console.WriteLine($"tokens/s of {Streams} streams: HTTP {rates[0].Median():0}, gRPC {rates[1].Median():0}, ratio "
                + $"{rates[0].Zip(rates[1], (a, b) => a / b).Median():0.00}");
        });
        return verb;
    }

    /// <returns>Milliseconds to the first token, the median of some requests.</returns>
    private static async Task<double> FirstAsync(Func<int, Action, Task> ask)
    {
        var waits = new List<double>();
        for (var i = 0; i < Firsts; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            double? first = null;
            await ask(2, () => first ??= Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            waits.Add(first!.Value);
        }

        return waits.Median();
    }

    private static async Task StreamAsync(Func<int, Action, Task> ask)
    {
        var count = 0;
        await Task.WhenAll(Enumerable.Range(0, Streams).Select(async _ =>
        {
            for (var i = 0; i < Requests; i++) await ask(Tokens, () => Interlocked.Increment(ref count));
        }));
        // A token may have no text of its own, and no event over HTTP.
        if (count < All * 0.9) throw new InvalidOperationException($"{count} of {All} tokens came");
    }

    /// <returns>Seconds of processor time that the server has used.</returns>
    private static async Task<double> ProcessorAsync(HttpClient client) =>
        double.Parse((await client.GetStringAsync("/metrics")).Split('\n').First(line => line.StartsWith("process_cpu_seconds_total ",
            StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    private static async Task OverHttpAsync(HttpClient client, string expert, int tokens, Action came)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new
            {
                model = $"expert:{expert}",
                prompt = Prompt,
                max_tokens = tokens,
                temperature = 0,
                ignore_eos = true,
                stream = true,
            }),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await foreach (var item in SseParser.Create(await response.Content.ReadAsStreamAsync(), (_, data) => !data.SequenceEqual("[DONE]"u8)
            && JsonSerializer.Deserialize<JsonElement>(data).TryGetProperty("choices", out var _)).EnumerateAsync())
        {
            if (item.Data) came();
        }
    }

    private static async Task OverGrpcAsync(Inference.InferenceClient inference, string expert, int tokens, Action came)
    {
        using var call = inference.Generate(new()
        {
            Prompt = new() { Text = Prompt },
            Routing = new() { Mode = Mode.Expert, Expert = expert },
            MaxTokens = tokens,
            Sampling = new() { Temperature = 0 },
            IgnoreEos = true,
        });
        await foreach (var message in call.ResponseStream.ReadAllAsync())
            if (message.HasTokenId) came();
    }
}
