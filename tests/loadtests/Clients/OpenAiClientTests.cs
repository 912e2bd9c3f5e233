using System.Net;
using System.Net.Sockets;
using System.Text;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Clients;

public sealed class OpenAiClientTests
{
    private const string Token =
        "data: {\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"],\"token_logprobs\":[-1],\"top_logprobs\":[{}],\"text_offset\":[0]},\"finish_reason\":null}],\"usage\":null}\n\n";
    private const string Last = "data: {\"choices\":[{\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n";
    private const string Usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";
    private const string Done = "data: [DONE]\n\n";
    private static readonly CompletionRequest s_request = new("a \"quoted\" prompt", 3, new("top_k", 2), Seed: 5);

    [Fact]
    public async Task It_sends_what_is_asked_and_counts_what_arrives()
    {
        await using var server = new ScriptedServer(ScriptedServer.Stream(Token, Token, Token, Last, Usage, Done));
        await using var client = new OpenAiClient(server.Address, "secret");
        var arrivals = new TokenArrivals(TimeProvider.System, 1);
        var answer = await client.GenerateAsync(s_request, arrivals, CancellationToken.None);
        Assert.Equal(new Answer("ok") { Finish = "length", PromptTokens = 7, CompletionTokens = 3 }, answer);
        Assert.Equal((3, 2), (arrivals.Count, arrivals.Gaps().Length));
        var sent = Assert.Single(server.Requests);
        Assert.Contains("POST /v1/completions", sent);
        Assert.Contains("Authorization: Bearer secret", sent);
        Assert.EndsWith(
            "{\"model\":\"forest:top_k=2\",\"prompt\":\"a \\\"quoted\\\" "
                + "prompt\",\"max_tokens\":3,\"temperature\":1,\"seed\":5,\"ignore_eos\":true,\"logprobs\":0,\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
            sent);
    }

    [Fact]
    public async Task Events_that_come_in_pieces_or_together_are_counted_alike()
    {
        var all = Token + Token.Replace("[\"a\"]", "[\"a\",\"b\"]").Replace("[-1]", "[-1,-2]") + Last + Usage + Done;
        foreach (var size in new[] { 1, 7, 64, all.Length })
        {
            await using var server = new ScriptedServer(ScriptedServer.Stream([.. all.Chunk(size).Select(c => new string(c))]));
            await using var client = new OpenAiClient(server.Address);
            var arrivals = new TokenArrivals(TimeProvider.System, 1);
            Assert.Equal("ok", (await client.GenerateAsync(s_request, arrivals, CancellationToken.None)).Status);
            Assert.Equal(3, arrivals.Count);
        }
    }

    [Fact]
    public async Task A_server_without_log_probabilities_or_usage_is_counted_by_its_pieces()
    {
        await using var server = new ScriptedServer(ScriptedServer.Stream("data: {\"choices\": [{\"text\": \"one\"}]}\r\n\r\n",
            ": a comment\n\n", "data: {\"choices\": [{\"text\": \"\"}]}\n\n",
            "data: {\"choices\": [{\"text\": \"two\", \"finish_reason\": \"stop\"}]}\n\n", Done));
        await using var client = new OpenAiClient(server.Address);
        var arrivals = new TokenArrivals(TimeProvider.System, 1);
        Assert.Equal(new Answer("ok") { Finish = "stop" }, await client.GenerateAsync(s_request, arrivals, CancellationToken.None));
        Assert.Equal(2, arrivals.Count);
    }

    public static TheoryData<string, string, string> Failures => new()
    {
        { ScriptedServer.Answer("401 Unauthorized", "{\"error\": {\"message\": \"who are you?\"}}"), "http_401", "who are you?" },
        { ScriptedServer.Answer("429 Too Many Requests", "{\"error\": {\"message\": \"the queue is full\"}}"), "http_429",
            "the queue is full" },
        { ScriptedServer.Answer("500 Internal Server Error", "<html>\nbroken</html>"), "http_500", "<html> broken</html>" },
        { ScriptedServer.Answer("502 Bad Gateway", ""), "http_502", "no body" },
        { ScriptedServer.Stream(Token, Token), "cut_off", "the stream ended before its last event" },
        { ScriptedServer.Stream(Token, "data: {\"error\": {\"message\": \"shutting down\"}}\n\n"), "stream_error", "shutting down" },
        { ScriptedServer.Stream("data: {\"choices\"\n\n"), "not_json", "" },
        { ScriptedServer.Stream(Token, Last.Replace("\"length\"", "\"removed\",\"finish_message\":\"expert law was removed\""), Usage,
            Done), "removed", "expert law was removed" },
        { ScriptedServer.Stream(Token)[..^5], "cut_off", "" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task What_goes_wrong_is_a_status_with_its_message(string response, string status, string message)
    {
        await using var server = new ScriptedServer(response);
        await using var client = new OpenAiClient(server.Address);
        var answer = await client.GenerateAsync(s_request, new(TimeProvider.System, 1), CancellationToken.None);
        Assert.Equal(status, answer.Status);
        Assert.Contains(message, answer.Error);
    }

    [Fact]
    public async Task Nobody_at_the_address_is_unreachable()
    {
        await using var client = new OpenAiClient(ScriptedServer.Nobody());
        Assert.Equal("unreachable", (await client.GenerateAsync(s_request, new(TimeProvider.System, 1), CancellationToken.None)).Status);
        Assert.Contains("no server listens at http://127.0.0.1:",
            (await Assert.ThrowsAsync<LoadTestException>(() => client.DescribeAsync(CancellationToken.None))).Message);
    }

    [Theory]
    [InlineData("401 Unauthorized", "{}", "refused the key (http_401); give the right one with --api-key-file FILE")]
    [InlineData("404 Not Found", "", "is not the HTTP address of a server (http_404); name the right address with --server")]
    [InlineData("200 OK", "hello", "did not answer JSON")]
    [InlineData("200 OK", "{\"data\": 3}", "not in OpenAI's form")]
    public async Task A_server_of_another_kind_or_a_wrong_key_says_what_to_do(string status, string body, string message)
    {
        await using var server = new ScriptedServer(ScriptedServer.Answer(status, body));
        await using var client = new OpenAiClient(server.Address, "secret");
        Assert.Contains(message, (await Assert.ThrowsAsync<LoadTestException>(() => client.DescribeAsync(CancellationToken.None))).Message);
    }

    [Fact]
    public async Task A_cancelled_request_ends_by_exception()
    {
        await using var server = new ScriptedServer(ScriptedServer.Stream(Token)[..^5], holdOpen: true);
        await using var client = new OpenAiClient(server.Address);
        using var cancel = new CancellationTokenSource(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client.GenerateAsync(s_request, new(TimeProvider.System, 1), cancel.Token));
    }

    [Theory]
    [InlineData("ensemble", null, null, "forest")]
    [InlineData("top_k", 2, null, "forest:top_k=2")]
    [InlineData("moe", null, null, "btx")]
    [InlineData("moe", 3, null, "btx:k=3")]
    [InlineData("expert", null, "python", "expert:python")]
    [InlineData("average", null, null, "average")]
    public void A_routing_has_its_model_id(string mode, int? k, string? expert, string id)
    {
        Assert.Equal(id, OpenAiClient.ModelId(new(mode, k, Expert: expert)));
        Assert.Equal("forest:top_p=0.9", OpenAiClient.ModelId(new("top_p", P: 0.9)));
        Assert.Equal("forest:top_k=1,router=probe", OpenAiClient.ModelId(new("top_k", 1, Router: "probe")));
        Assert.Equal("average:prose", OpenAiClient.ModelId(new("average", Average: "prose")));
    }
}
