using System.Diagnostics;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>OpenAI's own client, driving HTTP.</summary>
public sealed class OpenAiClientTests
{
    private static readonly string s_cache = Environment.GetEnvironmentVariable("BTX_CACHE") is { Length: > 0 } cache
        ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");

    [Fact]
    public async Task The_openai_client_lists_completes_streams_and_understands_errors()
    {
        var client = Path.Combine(s_cache, "openai-client", "node_modules", "openai");
        Assert.True(Directory.Exists(client), $"{client} is missing; tests/fetch-openai.sh fetches it (`./btx test` does)");
        await using var server = await RunningServer.StartAsync();
        var script = Path.Combine(AppContext.BaseDirectory, "openai-client", "drive.mjs");
        using var node = Process.Start(new ProcessStartInfo("node", [script, Path.Combine(client, "index.mjs"), $"{server.HttpAddress}/v1"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = node.StandardOutput.ReadToEndAsync();
        var errors = node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(node.ExitCode == 0, await errors);
        var seen = JsonSerializer.Deserialize<JsonElement>(await output);
        Assert.Contains("forest:top_k=2", seen.GetProperty("models").EnumerateArray().Select(id => id.GetString()));
        Assert.Equal("expert:python", seen.GetProperty("retrieved").GetString());
        Assert.Equal(FakeEngine.Completion, seen.GetProperty("text").GetString());
        Assert.Equal(FakeEngine.Completion, seen.GetProperty("streamed").GetString());
        Assert.Equal("stop", seen.GetProperty("finish").GetString());
        Assert.True(seen.GetProperty("usage").GetProperty("total_tokens").GetInt32() > 0);
        Assert.Equal("NotFoundError 404 model_not_found model", seen.GetProperty("notFound").GetString());
        Assert.Equal("BadRequestError 400 null temperature", seen.GetProperty("badRequest").GetString());
        Assert.Equal("RateLimitError 429", await Busy(server, script, client));
    }

    private static async Task<string> Busy(RunningServer server, string script, string client)
    {
        server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Busy, "full");
        using var node = Process.Start(new ProcessStartInfo("node",
            [script, Path.Combine(client, "index.mjs"), $"{server.HttpAddress}/v1", "busy"])
        { RedirectStandardOutput = true })!;
        return (await node.StandardOutput.ReadToEndAsync()).Trim();
    }
}
