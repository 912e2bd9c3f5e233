using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Access;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.EndToEnd;

namespace Btx.Server.Tests.Clients;

/// <summary>A server with keys in front of a tiny forest, and what every client for npm came to with it: one program drives them all,
/// once.</summary>
public sealed class ClientsFixture : ChatServerFixture
{
    private static readonly string s_cache = Environment.GetEnvironmentVariable("BTX_CACHE") is { Length: > 0 } cache ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");

    private readonly KeyFiles _keys = new();
    private Lazy<Task<Dictionary<string, Dictionary<string, string>>>> _npm = null!;

    /// <summary>A key that may generate.</summary>
    public string Key { get; private set; } = null!;

    /// <summary>A key that no request has tokens enough for.</summary>
    public string SpentKey { get; private set; } = null!;

    /// <summary>Greedy answers of 12 tokens to <c>hi</c>, which no client has to do with.</summary>
    public (string Chat, string Completion) Expected { get; private set; }

    /// <summary>By client and feature: <c>ok</c>, <c>absent: why</c> or <c>failed: why</c>.</summary>
    internal Task<Dictionary<string, Dictionary<string, string>>> Npm => _npm.Value;

    private protected override AccessOptions Access => new() { KeyFile = _keys.Keys };

    public override async ValueTask InitializeAsync()
    {
        Key = _keys.Add("generate");
        SpentKey = _keys.Add(KeyFiles.Plain with { TokensPerMinute = 1 }).Token;
        await base.InitializeAsync();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        async Task<JsonElement> Choice(string path, object body)
        {
            using var response = await http.PostAsJsonAsync($"{Address}/{path}", body);
            return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0];
        }

        var messages = new[] { new { role = "user", content = "hi" } };
        var chat = await Choice("chat/completions", new { model = "forest", messages, max_tokens = 12, temperature = 0 });
        var completion = await Choice("completions", new { model = "forest", prompt = "hi", max_tokens = 12, temperature = 0 });
        Expected = (chat.GetProperty("message").GetProperty("content").GetString()!, completion.GetProperty("text").GetString()!);
        Assert.NotEqual("", Expected.Chat);
        _npm = new(DriveAsync);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _keys.Dispose();
    }

    private async Task<Dictionary<string, Dictionary<string, string>>> DriveAsync()
    {
        var packages = Path.Combine(s_cache, "clients");
        Assert.True(File.Exists(Path.Combine(packages, "done")),
            $"{packages} is missing; tests/fetch-clients.sh fetches it (`./btx test` does)");
        var keys = JsonSerializer.Serialize(new { good = Key, spent = SpentKey });
        using var node = Process.Start(new ProcessStartInfo("node",
            [Path.Combine(AppContext.BaseDirectory, "Clients", "npm", "run.mjs"), packages, Address.ToString(), keys])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = node.StandardOutput.ReadToEndAsync();
        var errors = node.StandardError.ReadToEndAsync();
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(new { chat = Expected.Chat, completion = Expected.Completion }));
        node.StandardInput.Close();
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(node.ExitCode == 0, await errors);
        return JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string>>>(await output)!;
    }
}
