using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>What a server could tell without being asked: to its log, to another client, or to who has no key.</summary>
public sealed class SecrecyAttacks
{
    private const string Prompt = "moonlit sonata";
    private const string Secret = "btx_0123456789ab_5ecre7c0ffee5ecre7c0ffee5ecre7c0ffee5ecre7c0ffee5ecre7c0ffee5ecr";

    /// <summary>Whatever a refused request holds, wherever it holds it.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "/v1/completions", """{"model":"forest","prompt":{"text":"PROMPT"}}""" },
        { "/v1/completions", """{"model":"forest","prompt":"PROMPT","temperature":"PROMPT"}""" },
        { "/v1/completions", """{"model":"forest","prompt":"PROMPT","PROMPT":1}""" },
        { "/v1/completions", """{"model":"forest","prompt":"PROMPT","SECRET":1}""" },
        { "/v1/completions", """{"model":"PROMPT","prompt":"a"}""" },
        { "/v1/completions", """{"model":"forest","prompt":"a","routing":{"mode":"PROMPT"}}""" },
        { "/v1/completions", """{"model":"forest","prompt":"a","logit_bias":{"PROMPT":1}}""" },
        { "/v1/completions", """{"model":"forest","prompt":"a","response_format":{"type":"PROMPT"}}""" },
        {
            "/v1/completions",
            """{"model":"forest","prompt":"a","response_format":{"type":"json_schema","json_schema":{"schema":{"PROMPT":1}}}}"""
        },
        { "/v1/completions", """{"model":"forest","prompt":"a",PROMPT}""" },
        { "/v1/chat/completions", """{"model":"forest","messages":"PROMPT"}""" },
        { "/v1/chat/completions", """{"model":"forest","messages":[{"role":"PROMPT","content":"PROMPT"}]}""" },
        { "/v1/chat/completions", """{"model":"forest","messages":[{"role":"user","content":{"PROMPT":"PROMPT"}}]}""" },
        { "/v1/chat/completions", """{"model":"forest","messages":[{"role":"user","content":"PROMPT","name":5}],"tools":"SECRET"}""" },
        { "/tokenize", """{"prompt":"PROMPT","add_special_tokens":"SECRET"}""" },
    };

    /// <summary>Tokens, other secrets and prompts are in no log, whatever is wrong with the request that holds them: CVE-2026-15574. (What
    /// is logged is a line in ten seconds for each reason, so each request has a server of its own.)</summary>
    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Tokens_and_prompts_in_logs(string path, string body)
    {
        await using var server = await RunningServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{path}?api_key={Secret}&key={Secret}")
        {
            Content = new StringContent(body.Replace("PROMPT", Prompt, StringComparison.Ordinal).Replace("SECRET", Secret,
                StringComparison.Ordinal), Encoding.UTF8, "application/json"),
        };
        foreach (var name in new[] { "authorization", "x-api-key", "cookie", "proxy-authorization" })
            request.Headers.TryAddWithoutValidation(name, Secret);
        using var response = await server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(path == "/v1/completions" && body.Contains("\"PROMPT\",\"prompt", StringComparison.Ordinal) ? HttpStatusCode.NotFound
            : HttpStatusCode.BadRequest, response.StatusCode);
        await AssertSilentAsync(server);
    }

    /// <inheritdoc cref="Tokens_and_prompts_in_logs"/>
    [Theory]
    [InlineData(StatusCode.NotFound)]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.Internal)]
    public async Task Tokens_and_prompts_in_logs_over_gRPC(StatusCode status)
    {
        await using var server = await RunningServer.StartAsync();
        if (status == StatusCode.Internal) server.Engine.Refusal = new InvalidOperationException("a failure");
        using var call = server.Inference.Generate(new()
        {
            Prompt = new() { Text = Prompt },
            Routing = status == StatusCode.NotFound ? new() { Mode = Mode.Expert, Expert = Prompt } : new(),
            Stop = { status == StatusCode.InvalidArgument ? [Prompt, ""] : [] },
            ResponseFormat = status == StatusCode.InvalidArgument ? new() { JsonSchema = $"{{\"{Prompt}\":1}}" } : null,
        }, new Metadata { { "authorization", $"Bearer {Secret}" }, { "x-api-key", Secret } });
        var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.Equal(status, refused.StatusCode);
        await AssertSilentAsync(server);
    }

    [Fact]
    public async Task Prompts_are_in_the_log_when_that_is_asked_for()
    {
        await using var server = await RunningServer.StartAsync(change: o => o with { LogsPrompts = true });
        foreach (var prompt in new[] { $"\"{Prompt}\\nFATAL\"", "[72,105]" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/completions?key={Secret}")
            {
                Content = new StringContent($$"""{"model":"forest","prompt":{{prompt}},"max_tokens":1}""", Encoding.UTF8,
                    "application/json"),
                Headers = { { "x-api-key", Secret }, { "x-request-id", "one-2" } },
            };
            using var response = await server.Http.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        var tokens = server.Tokenizer.Decode([72, 105]);
        Assert.Equal([$@"{Prompt.Length + 6} characters: {Prompt}\nFATAL", $"{tokens.Length} characters: {tokens}"],
            server.Log.All.Select(line => line.Split(" prompt of ")[1].Replace(" [request one-2]", "", StringComparison.Ordinal)));
    }

    /// <summary>Paths that a router could take for another one than the check of access does, with every spelling that is known to have
    /// done so: nothing is answered without a key. CVE-2026-48746; every route as it is spelt: EndpointAccessTests.</summary>
    [Fact]
    public async Task An_auth_bypass_on_one_forgotten_route()
    {
        using var files = new KeyFiles();
        files.Add("admin");
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        string[] spellings = ["/v1/models", "/V1/MODELS", "/v1/models/", "//v1/models", "/v1//models", "/v1/./models", "/v1/x/../models",
            "/%76%31/models", "/v1%2fmodels", "/v1\\models", "/v1/models;x=y", "/v1/models%00", "/v1/models?x=/health",
            "/health/../v1/models", "/health/%2e%2e/v1/models", "/health//v1/models", "/health/live/../../metrics", "/metrics", "/metrics/",
            "/Metrics", "/metrics%20", "/metrics#x", "/v1/forest", "/v1/forest/", "/v1/chat/completions/", "/tokenize", "/tokenize/",
            "/detokenize", "/v1/models/expert:novels", "/v1/models/../../metrics", "/btx.v1.Forest/ListExperts",
            "/BTX.V1.FOREST/LISTEXPERTS", "http://localhost/metrics", "http://localhost/health/../metrics",
            "http://localhost:1/v1/models", "/", "/v1", "*"];
        string[] extra = ["", "x-original-url: /health\r\n", "x-http-method-override: GET\r\n", "authorization: Basic YTpi\r\n",
            "x-api-key: \r\nauthorization: Bearer \r\n"];
        foreach (var spelling in spellings)
        {
            foreach (var method in new[] { "GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "FOO" })
            {
                foreach (var more in extra)
                {
                    if (more.Length > 0 && method != "GET") continue;
                    var answer = await Answer.OfBytesAsync(new(server.HttpAddress), Encoding.Latin1.GetBytes(
                        $"{method} {spelling} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n"));
                    Assert.True(answer.Status is 400 or 401 or 404 or 405 or 501, $"{method} {spelling} {more}: {answer.Text}");
                    Assert.DoesNotContain("max_model_len", answer.Text, StringComparison.Ordinal);
                    Assert.DoesNotContain("btx_", answer.Text, StringComparison.Ordinal);
                }
            }
        }

        foreach (var path in new[] { "/btx.v1.Forest/ListExperts", "/BTX.V1.Forest/ListExperts", "//btx.v1.Forest/ListExperts",
            "/btx.v1.Forest//ListExperts", "/btx.v1.Forest/ListExperts/", "/btx.v1.Forest%2fListExperts", "/btx.v1.Forest/ListExperts?x",
            "/grpc.health.v1.Health/../btx.v1.Forest/ListExperts", "btx.v1.Forest/ListExperts", "/btx.v1.Inference/Describe" })
        {
            using var connection = await RawHttp2.OpenAsync(new(server.GrpcAddress));
            await connection.SendAsync(RawHttp2.Call(1, path, []));
            var status = await connection.StatusAsync(1);
            Assert.True(status is null or "7" or "12" or "16" || status.StartsWith("reset ", StringComparison.Ordinal),
                $"{path}: {status}");
        }

        Assert.Null(server.Engine.LastGeneration);
        Assert.Equal(0, server.Registry.State.Revision);
    }

    private static async Task AssertSilentAsync(RunningServer server)
    {
        await Patience.UntilAsync(() => server.Log.All.Count > 0, "a line of the log");
        var log = string.Join('\n', server.Log.All);
        Assert.DoesNotContain("moonlit", log, StringComparison.Ordinal);
        Assert.DoesNotContain("5ecre7", log, StringComparison.Ordinal);
    }
}

/// <summary>What one client could do to another one's answer, and to the server's figures.</summary>
[Collection(AttackedServer.Name)]
public sealed class NeighbourAttacks(AttackedServer server)
{
    /// <summary>Another's result in a batch: requests that share steps with many others, of which half break off and leave their places to
    /// the next ones, get what each gets alone. CVE-2026-73558.</summary>
    [Fact]
    public Task Anothers_result_in_a_batch() => server.UnharmedAsync(async () =>
    {
        string[] models = ["forest", "forest:top_k=1", "expert:alpha", "average"];
        async Task<string> AskAsync(int number, CancellationToken cancellation = default)
        {
            while (true)
            {
                using var response = await server.Raw.PostAsJsonAsync(new Uri(server.HttpUri, "/v1/completions"), new
                {
                    model = models[number % models.Length],
                    prompt = $"request {number * 7919} says",
                    max_tokens = 12,
                    seed = number,
                    temperature = number % 3 == 0 ? 0 : 1,
                    ignore_eos = true,
                    echo = true,
                    user = $"client {number}",
                }, cancellation);
                var answer = await response.Content.ReadFromJsonAsync<JsonElement>(cancellation);
                if (response.StatusCode == HttpStatusCode.OK) return answer.GetProperty("choices")[0].GetProperty("text").GetString()!;
                Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode); // those that broke off still hold connections
                await Task.Delay(50, cancellation);
            }
        }

        var alone = new List<string>();
        for (var number = 0; number < 24; number++) alone.Add(await AskAsync(number));
        Assert.Equal(24, alone.Distinct().Count());
        for (var round = 0; round < 2; round++)
        {
            using var leaving = new CancellationTokenSource();
            var broken = Enumerable.Range(100, 24).Select(number => AskAsync(number, leaving.Token)).ToArray();
            var together = Enumerable.Range(0, 24).Select(number => AskAsync(number)).ToArray();
            await together[0];
            await leaving.CancelAsync();
            Assert.Equal(alone, await Task.WhenAll(together));
            await Task.WhenAll(broken.Select(one => one.ContinueWith(_ => 0, TaskScheduler.Default)));
        }
    });

    /// <summary>A metric label flood: names, paths, methods and ids that clients make up are no labels. CVE-2022-21698.</summary>
    [Fact]
    public Task A_metric_label_flood() => server.UnharmedAsync(async () =>
    {
        async Task<string[]> SeriesAsync() => [.. (await server.Process.Http.GetStringAsync("/metrics")).Split('\n')
            .Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')[0])];
        async Task FloodAsync(int i)
        {
            var name = $"flood{i}";
            foreach (var (method, path, body) in new[]
            {
                ("POST", "/v1/completions", $$"""{"model":"expert:{{name}}","prompt":"a","user":"{{name}}"}"""),
                ("POST", "/v1/completions", $$"""{"model":"forest","prompt":"a","max_tokens":1,"user":"{{name}}"}"""),
                (name.ToUpperInvariant(), $"/{name}", ""), ("GET", $"/v1/models/{name}", ""), ("GET", $"/metrics/{name}", ""),
            })
            {
                using var request = new HttpRequestMessage(new(method), new Uri(server.HttpUri, path));
                if (body.Length > 0) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
                request.Headers.TryAddWithoutValidation("x-request-id", name);
                request.Headers.UserAgent.ParseAdd(name);
                request.Headers.Host = i % 2 == 0 ? $"{name}.example" : null;
                using var response = await server.Raw.SendAsync(request);
            }

            await Answer.OfCallAsync(server.Raw, server.GrpcUri, $"/{name}/{name}", default);
        }

        for (var i = 0; i < 8; i++) await FloodAsync(i);
        var before = await SeriesAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async client =>
        {
            for (var i = 0; i < 50; i++) await FloodAsync(100 + (4 * i) + client);
        }));
        var after = await SeriesAsync();
        Assert.DoesNotContain(after, one => one.Contains("flood", StringComparison.OrdinalIgnoreCase));
        // The other clients' modes and outcomes may have come meanwhile: these are a few, and of the flood's 800 calls none has one.
        Assert.True(after.Length <= before.Length + 200, string.Join('\n', after.Except(before)));
    });
}
