using System.Text.RegularExpressions;
using Btx.Client;
using Btx.Model.Mixing;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Microsoft.Extensions.AI;

namespace Btx.Server.Tests.Clients;

/// <summary>The forest as a client of Microsoft.Extensions.AI.</summary>
public sealed partial class BtxChatClientTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private BtxClient _client = null!;
    private BtxChatClient _chat = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 512 };
        _client = new(_server.GrpcAddress);
        _chat = new(_client);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Options_and_messages_arrive_and_each_update_has_its_experts()
    {
        var options = new ChatOptions
        {
            Instructions = "be brief",
            MaxOutputTokens = 200,
            Temperature = 0.5f,
            TopP = 0.5f,
            TopK = 3,
            Seed = 7,
            PresencePenalty = 0.5f,
            FrequencyPenalty = 1,
            StopSequences = ["never"],
        }.WithRouting(new() { Mode = Mode.TopK, K = 2 }).WithSampling(new() { MinP = 0.25, Seed = 1 });
        var updates = await _chat.GetStreamingResponseAsync("hi", options, Stop).ToListAsync(Stop);
        Assert.Equal(FakeEngine.Completion, string.Concat(updates.Select(update => update.Text)));
        Assert.Equal([0.75, 0.25], updates[0].GetExperts().Select(expert => expert.Posterior));
        Assert.Equal([0.9, 0.1], updates[0].GetExperts().Select(expert => expert.Contribution));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        var usage = updates[^1].Contents.OfType<UsageContent>().Single().Details;
        Assert.Equal(usage.TotalTokenCount, usage.InputTokenCount + usage.OutputTokenCount);
        Assert.Equal(usage.OutputTokenCount, usage.AdditionalCounts!["expert_steps.novels"]);
        var asked = _server.Engine.LastGeneration!;
        Assert.Equal((RoutingMode.TopK, 2, 200), (asked.Routing.Mode, asked.Routing.K, asked.MaxTokens));
        Assert.Equal((0.5, 0.5, 3, 0.25, 7L, 0.5, 1.0), (asked.Sampling.Temperature, asked.Sampling.TopP, asked.Sampling.TopK,
            asked.Sampling.MinP, asked.Sampling.Seed, asked.Sampling.PresencePenalty, asked.Sampling.FrequencyPenalty));
        Assert.Contains("never", asked.Stop);
        Assert.Equal("System: be brief\n\nUser: hi\n\nAssistant:", _server.Tokenizer.Decode(asked.Prompt));

        var whole = await _chat.GetResponseAsync("hi", options, Stop);
        Assert.Equal(FakeEngine.Completion, whole.Text);
        Assert.Equal(whole.Usage!.OutputTokenCount, whole.GetTokens().Count);
        Assert.All(whole.GetTokens(), token => Assert.Equal(2, token.Experts.Count));
    }

    [Fact]
    public async Task A_function_is_called_and_its_result_goes_back()
    {
        _server.Engine.Says = """{"name": "weather", "arguments": {"unit": "c"}}""";
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string unit) => 20, "weather")],
            ToolMode = ChatToolMode.RequireSpecific("weather"),
            MaxOutputTokens = 100,
        };
        var called = await _chat.GetResponseAsync("hi", options, Stop);
        Assert.Equal(ChatFinishReason.ToolCalls, called.FinishReason);
        var call = called.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single();
        Assert.Equal(("weather", "c"), (call.Name, call.Arguments!["unit"]!.ToString()));
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
        _server.Engine.Says = FakeEngine.Completion;
        var result = new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, 20)]);
        ChatMessage[] next = [new(ChatRole.User, "hi"), .. called.Messages, result];
        options = new() { ToolMode = ChatToolMode.None, Tools = options.Tools, MaxOutputTokens = 1 };
        await _chat.GetResponseAsync(next, options, Stop);
        Assert.Contains("Tool: 20", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_is_held_to_a_schema()
    {
        var schema = AIJsonUtilities.CreateJsonSchema(typeof(bool));
        await _chat.GetResponseAsync("hi", new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = 9 }, Stop);
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
        await _chat.GetResponseAsync("hi", new() { ResponseFormat = ChatResponseFormat.Text, MaxOutputTokens = 9 }, Stop);
        Assert.Null(_server.Engine.LastGeneration!.Grammar);
    }

    [Fact]
    public async Task What_has_no_field_is_refused_before_anything_is_sent_and_refusals_come_through()
    {
        (ChatMessage Message, ChatOptions Options)[] none =
        [
            (new(ChatRole.User, [new DataContent("data:image/png;base64,AA==")]), new()),
            (new(new("critic"), "hi"), new()),
            (new(ChatRole.User, "hi"), new() { ModelId = "gpt-5" }),
            (new(ChatRole.User, "hi"), new() { Tools = [new HostedWebSearchTool()] }),
        ];
        foreach (var (message, options) in none)
            Assert.Equal(CallFailure.NotMade,
                (await Assert.ThrowsAsync<BtxCallException>(() => _chat.GetResponseAsync([message], options, Stop))).Failure);
        Assert.Null(_server.Engine.LastGeneration);
        var refused = await Assert.ThrowsAsync<BtxCallException>(() => _chat.GetResponseAsync("hi", new() { Temperature = -1 }, Stop));
        Assert.Equal((CallFailure.Refused, "sampling.temperature"), (refused.Failure, refused.Field));
    }

    [Fact]
    public async Task The_example_of_the_readmes_runs_as_it_stands_there()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "client");
        var example = Lines(await File.ReadAllTextAsync(Path.Combine(folder, "ReadmeExample.cs"), Stop));
        foreach (var readme in new[] { "README.md", "ROOT.md" })
        {
            var block = CSharp().Match(await File.ReadAllTextAsync(Path.Combine(folder, readme), Stop)).Groups["code"].Value;
            Assert.NotEmpty(block);
            Assert.Contains(string.Join('\n', Lines(block)), string.Join('\n', example), StringComparison.Ordinal);
        }

        using var output = new StringWriter();
        await ReadmeExample.RunAsync(_server.GrpcAddress, output);
        Assert.Matches(@"\[novels\].*\[python\]", output.ToString());
    }

    private static string[] Lines(string text) => [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();
}
