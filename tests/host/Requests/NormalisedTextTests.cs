using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Requests;

/// <summary>Text means the same tokens over every protocol however it is encoded: as the tokenizer's normalizer
/// has it, the form of the training text.</summary>
public sealed class NormalisedTextTests : IAsyncLifetime
{
    private const string Plain = "the fox\njumps é";

    private RunningServer _server = null!;

    public static TheoryData<string> Spellings { get; } = ["\ufeffthe fox\njumps é", "the fox\r\njumps é", "the fox\njumps e\u0301",
        "the\u00a0fox\rjumps\ufeff \u0000é"];

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task Scores_prompts_and_echoes_are_of_the_normalised_text(string text)
    {
        int[] tokens = [_server.Tokenizer.BosId!.Value, .. _server.Tokenizer.Encode(Plain)];
        var score = await _server.Inference.ScoreAsync(new() { Text = new() { Text = text } });
        Assert.Equal(tokens, score.Tokens);
        Assert.Equal(System.Text.Encoding.UTF8.GetByteCount(Plain), score.PredictedBytes);
        using var call = _server.Inference.Generate(new()
        {
            Prompt = new() { Text = text },
            MaxTokens = 1,
            Stop = { "\r\n", "e\u0301", "\ufeff" }
        });
        await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken);
        Assert.Equal(tokens, _server.Engine.LastGeneration!.Prompt);
        Assert.Equal(["\n", "é"], _server.Engine.LastGeneration.Stop); // the model writes no other form
        using var response = await _server.Http.PostAsJsonAsync("v1/completions",
            new { model = "forest", prompt = text, max_tokens = 1, echo = true, logprobs = 1 });
        var choice = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0];
        Assert.StartsWith(Plain, choice.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, choice.GetProperty("logprobs").GetProperty("text_offset")[0].GetInt32());
        Assert.Equal(tokens, _server.Engine.LastGeneration.Prompt);
    }

    [Fact]
    public async Task A_prompt_of_which_nothing_is_left_is_empty()
    {
        using var response = await _server.Http.PostAsJsonAsync("v1/completions", new { model = "forest", prompt = "\ufeff\u0000" });
        Assert.Equal(400, (int)response.StatusCode);
        var refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await _server.Inference.ScoreAsync(new() { Text = new() { Text = "\ufeff" } }));
        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
    }
}
