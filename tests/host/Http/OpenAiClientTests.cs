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
        await using var server = await RunningServer.StartAsync();
        var seen = await DriveAsync("drive.mjs", $"{server.HttpAddress}/v1");
        Assert.Contains("forest:top_k=2", seen.GetProperty("models").EnumerateArray().Select(id => id.GetString()));
        Assert.Equal("expert:python", seen.GetProperty("retrieved").GetString());
        Assert.Equal(FakeEngine.Completion, seen.GetProperty("text").GetString());
        Assert.Equal(FakeEngine.Completion, seen.GetProperty("streamed").GetString());
        Assert.Equal("stop", seen.GetProperty("finish").GetString());
        Assert.True(seen.GetProperty("usage").GetProperty("total_tokens").GetInt32() > 0);
        Assert.Equal("NotFoundError 404 model_not_found model", seen.GetProperty("notFound").GetString());
        Assert.Equal("BadRequestError 400 null temperature", seen.GetProperty("badRequest").GetString());
        server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Busy, "full");
        Assert.Equal("RateLimitError 429", (await DriveAsync("drive.mjs", $"{server.HttpAddress}/v1", "busy")).GetString());
    }

    /// <summary>Runs a script of the folder openai-client with the client from the cache.</summary>
    /// <returns>What it prints.</returns>
    internal static async Task<JsonElement> DriveAsync(string script, params string[] arguments)
    {
        var client = Path.Combine(s_cache, "openai-client", "node_modules", "openai");
        Assert.True(Directory.Exists(client), $"{client} is missing; tests/fetch-openai.sh fetches it (`./btx test` does)");
        using var node = Process.Start(new ProcessStartInfo("node",
            [Path.Combine(AppContext.BaseDirectory, "openai-client", script), Path.Combine(client, "index.mjs"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = node.StandardOutput.ReadToEndAsync();
        var errors = node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(node.ExitCode == 0, await errors);
        return JsonSerializer.Deserialize<JsonElement>(await output);
    }
}
