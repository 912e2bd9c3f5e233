using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Access;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.EndToEnd;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Btx.Server.Tests.Clients;

/// <summary>A server with keys in front of a tiny forest, and what every client for npm came to with it: one program drives them all,
/// once.</summary>
public sealed class ClientsFixture : ChatServerFixture
{
    private static readonly string s_cache = Environment.GetEnvironmentVariable("BTX_CACHE") is { Length: > 0 } cache ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");

    private readonly KeyFiles _keys = new();
    private readonly CancellationTokenSource _end = new();
    private Task _spending = Task.CompletedTask;
    private Lazy<Task<Dictionary<string, Dictionary<string, string>>>> _npm = null!, _grpc = null!;

    /// <summary>A key that may generate.</summary>
    public string Key { get; private set; } = null!;

    /// <summary>A key whose one request a minute is always used up.</summary>
    public string SpentKey { get; private set; } = null!;

    /// <summary>Greedy answers of 12 tokens to <c>hi</c>, which no client has to do with.</summary>
    public (string Chat, string Completion) Expected { get; private set; }

    /// <summary>By client and feature: <c>ok</c>, <c>absent: why</c> or <c>failed: why</c>.</summary>
    internal Task<Dictionary<string, Dictionary<string, string>>> Npm => _npm.Value;

    /// <summary>The same of the clients for gRPC.</summary>
    internal Task<Dictionary<string, Dictionary<string, string>>> GrpcClients => _grpc.Value;

    private protected override AccessOptions Access => new() { KeyFile = _keys.Keys };

    public override async ValueTask InitializeAsync()
    {
        Key = _keys.Add("generate");
        SpentKey = _keys.Add(KeyFiles.Plain with { RequestsPerMinute = 1 }).Token;
        await base.InitializeAsync();
        await SpendAsync();
        _spending = KeepSpentAsync();
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
        _npm = new(DriveNpmAsync);
        _grpc = new(DriveGrpcAsync);
    }

    public override async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _spending;
        await base.DisposeAsync();
        _keys.Dispose();
    }

    private async Task KeepSpentAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            await SpendAsync();
            await Task.Delay(200, _end.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task SpendAsync()
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", SpentKey);
        using var response = await http.PostAsJsonAsync(new Uri(Address, "/tokenize"), new { prompt = "a" });
    }

    private Task<Dictionary<string, Dictionary<string, string>>> DriveNpmAsync()
    {
        var packages = Path.Combine(s_cache, "clients");
        Assert.True(File.Exists(Path.Combine(packages, "done")),
            $"{packages} is missing; tests/fetch-clients.sh fetches it (`./btx test` does)");
        var keys = JsonSerializer.Serialize(new { good = Key, spent = SpentKey });
        return DriveAsync(new("node", [Path.Combine(AppContext.BaseDirectory, "Clients", "npm", "run.mjs"), packages, Address.ToString(),
            keys]));
    }

    private async Task<Dictionary<string, Dictionary<string, string>>> DriveGrpcAsync()
    {
        var packages = Path.Combine(s_cache, "grpc-clients");
        Assert.True(File.Exists(Path.Combine(packages, "done")),
            $"{packages} is missing; tests/fetch-grpc-clients.sh fetches it (`./btx test` does)");
        string Script(string name) => Path.Combine(AppContext.BaseDirectory, "Clients", "grpc", name);
        var protos = Path.GetTempFileName(); // what both clients make their messages from, at run time
        try
        {
            var files = new FileDescriptorSet();
            foreach (var file in new[] { AnyReflection.Descriptor, DurationReflection.Descriptor,
                TimestampReflection.Descriptor, Google.Rpc.StatusReflection.Descriptor, Google.Rpc.ErrorDetailsReflection.Descriptor,
                V1.InferenceReflection.Descriptor, V1.ForestReflection.Descriptor })
                files.File.Add(FileDescriptorProto.Parser.ParseFrom(file.SerializedData));
            await File.WriteAllBytesAsync(protos, files.ToByteArray());
            var keys = JsonSerializer.Serialize(new { good = Key, spent = SpentKey });
            var node = DriveAsync(new("node", [Script("node.mjs"), packages, Grpc.Authority, keys, protos]));
            var start = new ProcessStartInfo("/usr/bin/python3", [Script("python.py"), Grpc.Authority, keys, protos]);
            start.Environment["PYTHONPATH"] = Path.Combine(packages, "python", "usr", "lib", "python3", "dist-packages");
            start.Environment["LD_LIBRARY_PATH"] = string.Join(':',
                Directory.GetDirectories(Path.Combine(packages, "python", "usr", "lib"), "*-linux-gnu"));
            var python = DriveAsync(start);
            return (await node).Concat(await python).ToDictionary();
        }
        finally
        {
            File.Delete(protos);
        }
    }

    private async Task<Dictionary<string, Dictionary<string, string>>> DriveAsync(ProcessStartInfo program)
    {
        (program.RedirectStandardInput, program.RedirectStandardOutput, program.RedirectStandardError) = (true, true, true);
        using var node = Process.Start(program)!;
        var output = node.StandardOutput.ReadToEndAsync();
        var errors = node.StandardError.ReadToEndAsync();
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(new { chat = Expected.Chat, completion = Expected.Completion }));
        node.StandardInput.Close();
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(node.ExitCode == 0, await errors);
        return JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string>>>(await output)!;
    }
}
