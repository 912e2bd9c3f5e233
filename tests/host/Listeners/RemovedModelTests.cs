using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using EngineFinish = Btx.Engine.Requests.FinishReason;

namespace Btx.Server.Tests.Listeners;

/// <summary>How both protocols end a request whose model leaves the forest.</summary>
public sealed class RemovedModelTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(EngineFinish.Removed, FinishReason.Removed, "removed")]
    [InlineData(EngineFinish.Aborted, FinishReason.Aborted, "aborted")]
    public async Task After_its_first_token_it_keeps_its_text_and_says_why(object finish, FinishReason grpc, string http)
    {
        _server.Engine.Ending = ((EngineFinish)finish, "python left the forest");
        var messages = await Generate();
        Assert.Equal((grpc, "python left the forest", 1),
            (messages[^1].FinishReason, messages[^1].FinishMessage, messages[^1].Usage.CompletionTokens));
        Assert.NotEmpty(messages[0].Text);

        var body = await (await Complete(stream: false)).Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        var choice = body.GetProperty("choices")[0];
        Assert.Equal((messages[0].Text, http, "python left the forest"), (choice.GetProperty("text").GetString(),
            choice.GetProperty("finish_reason").GetString(), choice.GetProperty("finish_message").GetString()));
        var stream = await (await Complete(stream: true)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains($"\"finish_reason\":\"{http}\"", stream, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", stream, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(EngineFinish.Removed, StatusCode.NotFound, HttpStatusCode.NotFound, "model_not_found")]
    [InlineData(EngineFinish.Aborted, StatusCode.Aborted, HttpStatusCode.Conflict, "forest_changed")]
    public async Task Before_its_first_token_it_is_refused(object finish, StatusCode grpc, HttpStatusCode http, string code)
    {
        _server.Engine.Refused = ((EngineFinish)finish, "python left the forest");
        var failure = await Assert.ThrowsAsync<RpcException>(Generate);
        Assert.Equal((grpc, "python left the forest"), (failure.StatusCode, failure.Status.Detail));
        foreach (var stream in new[] { false, true })
        {
            using var response = await Complete(stream);
            Assert.Equal(http, response.StatusCode);
            Assert.Contains($"\"code\":\"{code}\"", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_named_average_is_a_model()
    {
        using var response = await _server.Http.PostAsJsonAsync("/v1/completions",
            new { model = "average:prose", prompt = "the", max_tokens = 1 }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("prose", _server.Engine.LastGeneration!.Routing.AverageName);
        using var call = _server.Inference.Generate(new()
        {
            Prompt = new() { Text = "the" },
            Routing = new() { Mode = Mode.Average, AverageName = "prose" },
            MaxTokens = 1
        });
        await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal("prose", _server.Engine.LastGeneration!.Routing.AverageName);
        Assert.Equal(["prose"], (await _server.Inference.DescribeAsync(new())).Averages);
    }

    private Task<HttpResponseMessage> Complete(bool stream) => _server.Http.PostAsJsonAsync("/v1/completions",
        new { model = "forest", prompt = "the", max_tokens = 8, stream }, TestContext.Current.CancellationToken);

    private async Task<List<GenerateResponse>> Generate()
    {
        using var call = _server.Inference.Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 8 });
        return await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
    }
}
