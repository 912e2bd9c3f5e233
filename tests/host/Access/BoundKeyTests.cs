using System.Net.Http.Json;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Server.Tests.Fakes;
using Google.Protobuf;
using Grpc.Core;

namespace Btx.Server.Tests.Access;

/// <summary>A key that is bound to some experts is told the names of no others, whatever it asks and however it ends. The forest has
/// novels, python and german; its BTX model novels, python and fables.</summary>
public sealed class BoundKeyTests : IAsyncLifetime
{
    private static readonly string[] s_others = ["german", "fables", "prose"];
    private readonly KeyFiles _files = new();
    private RunningServer _server = null!;
    private string _token = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _token = _files.Add(KeyFiles.Plain with { Experts = ["novels", "python"] }).Token;
        _server = await RunningServer.StartAsync(access: new() { KeyFile = _files.Keys });
        _server.Http.DefaultRequestHeaders.Authorization = new("Bearer", _token);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _files.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("removed")]
    [InlineData("refused")]
    [InlineData("gone")]
    public async Task No_answer_names_an_expert_that_the_key_is_not_for(string? ending)
    {
        const string Message = "no expert \"novels\"; there are german, fables";
        if (ending == "removed") _server.Engine.Ending = (FinishReason.Removed, Message);
        if (ending == "refused") _server.Engine.Refused = (FinishReason.Removed, Message);
        if (ending == "gone") _server.Engine.Refusal = new RequestRejectedException(ErrorKind.Missing, Message);
        foreach (var expert in new[] { "novels", "german", "nobody" })
        {
            var routing = new V1.Routing { Mode = V1.Mode.Expert, Expert = expert };
            await Told(expert, () => All(_server.Inference.Generate(new()
            {
                Prompt = new() { Text = "the" },
                Routing = routing,
                MaxTokens = 3,
                TopLogprobs = 2,
                IncludeExperts = true,
            }, Key)));
            await Told(expert, () => All(_server.Inference.Chat(new()
            {
                Messages = { new V1.Message { Role = V1.Role.User, Content = "the" } },
                Routing = routing,
                MaxTokens = 3,
                TopLogprobs = 2,
                IncludeExperts = true,
            }, Key)));
            await Told(expert, async () => (await _server.Inference.ScoreAsync(
                new() { Text = new() { Text = "the fox" }, Routing = routing, TopLogprobs = 2, IncludeExperts = true }, Key)).ToString());
            foreach (var stream in new[] { false, true })
            {
                var model = $"expert:{expert}";
                await Told(expert, () => Post("/v1/completions",
                    new { model, prompt = "the", max_tokens = 3, include_experts = true, stream, echo = true, logprobs = 2 }));
                await Told(expert, () => Post("/v1/chat/completions", new
                {
                    model,
                    messages = new[] { new { role = "user", content = "the" } },
                    max_tokens = 3,
                    include_experts = true,
                    stream,
                    stream_options = stream ? new { include_usage = true } : null,
                }));
            }
        }

        await Told("", async () => (await _server.Inference.DescribeAsync(new(), Key)).ToString());
        await Told("", () => _server.Http.GetStringAsync("/v1/models", Stop));
        foreach (var mode in new[] { V1.Mode.Ensemble, V1.Mode.TopK, V1.Mode.Average, V1.Mode.Moe })
        {
            await Told("", () => All(_server.Inference.Generate(
                new() { Prompt = new() { Text = "the" }, Routing = new() { Mode = mode, PriorDomain = "x" } }, Key)));
            await Told("", async () => (await _server.Inference.ScoreAsync(
                new() { Text = new() { Text = "the fox" }, Routing = new() { Mode = mode } }, Key)).ToString());
        }
    }

    [Fact]
    public async Task An_expert_that_did_nothing_is_not_in_the_usage()
    {
        var last = (await _server.Inference.Generate(new()
        {
            Prompt = new() { Text = "the" },
            Routing = new() { Mode = V1.Mode.Expert, Expert = "novels" },
            MaxTokens = 3,
        }, Key).ResponseStream.ReadAllAsync(Stop).ToListAsync(Stop))[^1];
        Assert.Equal(["novels", "python"], last.Usage.ExpertSteps.Keys.Order());
        var score = await _server.Inference.ScoreAsync(
            new() { Text = new() { Text = "the fox" }, Routing = new() { Mode = V1.Mode.Expert, Expert = "novels" } }, Key);
        Assert.Equal(["novels", "python"], score.Experts.Select(expert => expert.Name));
    }

    /// <summary>All windows of a score are reserved before the first is read; so are the echoes of a completion.</summary>
    [Fact]
    public async Task What_a_score_reads_is_reserved_before_it_begins()
    {
        var headers = new Metadata { { "authorization", $"Bearer {_files.Add(KeyFiles.Plain with { TokensPerMinute = 400 }).Token}" } };
        V1.ScoreRequest Long(int stride) => new()
        {
            Text = new() { Tokens = new() { Ids = { Enumerable.Range(0, 150) } } },
            Stride = stride,
        };
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await _server.Inference.ScoreAsync(Long(1), headers));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("the request may take 5568", refused.Status.Detail, StringComparison.Ordinal); // 87 windows of 64
        Assert.Null(_server.Engine.LastScore);
        Assert.Equal(6, (await _server.Inference.ScoreAsync(Long(20), headers)).Windows.Count); // 384: nothing was taken before

        _server.Http.DefaultRequestHeaders.Authorization = new("Bearer", _files.Add(KeyFiles.Plain with { TokensPerMinute = 12 }).Token);
        int[][] prompt = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]];
        var asked = new { model = "forest", prompt, echo = true, logprobs = 1, max_tokens = 0 };
        using var answer = await _server.Http.PostAsJsonAsync("/v1/completions", asked, Stop);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEqual(4, _server.Engine.LastScore!.Tokens.Length);
    }

    [Fact]
    public async Task One_score_reads_so_many_tokens_at_most()
    {
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 4096 };
        var headers = new Metadata { { "authorization", $"Bearer {_files.Add("generate")}" } };
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await _server.Inference.ScoreAsync(
            new() { Text = new() { Tokens = new() { Ids = { Enumerable.Repeat(1, 6000) } } }, Stride = 1 }, headers));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("its 1905 windows read 7802880 with a stride of 1; one score reads at most 4194304", refused.Status.Detail,
            StringComparison.Ordinal);
        Assert.Null(_server.Engine.LastScore);
    }

    private Metadata Key => new() { { "authorization", $"Bearer {_token}" } };

    /// <param name="asked">A name that the client wrote itself may come back.</param>
    private static async Task Told(string asked, Func<Task<string>> ask)
    {
        string answer;
        try
        {
            answer = await ask();
        }
        catch (RpcException e)
        {
            answer = $"{e.Status.Detail} {e.GetRpcStatus()}";
        }

        Assert.NotEmpty(answer);
        Assert.All(s_others.Where(name => name != asked), name => Assert.DoesNotContain(name, answer, StringComparison.Ordinal));
    }

    private static async Task<string> All<T>(AsyncServerStreamingCall<T> call) where T : IMessage
    {
        using (call) return string.Concat(await call.ResponseStream.ReadAllAsync(Stop).ToListAsync(Stop));
    }

    private async Task<string> Post(string path, object body)
    {
        using var response = await _server.Http.PostAsJsonAsync(path, body, Stop);
        return await response.Content.ReadAsStringAsync(Stop);
    }
}
