using System.Text.Json;
using System.Xml.Linq;

namespace Btx.Server.Tests.Clients;

/// <summary>Every genuine client does everything that it can do, and docs/clients.md says what that is.</summary>
public sealed class ClientMatrixTests(ClientsFixture server) : IClassFixture<ClientsFixture>
{
    private static readonly string[] s_features =
        ["models", "completion", "chat", "stream", "tools", "json_schema", "logprobs", "n", "abort", "errors"];

    /// <summary>Each with the package that its version is of.</summary>
    private static readonly (string Client, string Package)[] s_npm =
    [
        ("openai (npm)", "openai"), ("openai (npm), responses", "openai"), ("@ai-sdk/openai-compatible", "@ai-sdk/openai-compatible"),
        ("@langchain/openai", "@langchain/openai"), ("@anthropic-ai/sdk", "@anthropic-ai/sdk"),
    ];

    private static readonly string[] s_grpc = ["@grpc/grpc-js", "grpcio (Python)"];

    private static readonly (Func<ClientsFixture, DotNetClient> Make, string Client, string Package)[] s_dotnet =
    [
        (server => new OpenAiDotNet(server), "OpenAI (.NET)", "OpenAI"),
        (server => new ExtensionsAi(server), "Microsoft.Extensions.AI.OpenAI", "Microsoft.Extensions.AI.OpenAI"),
        (server => new SemanticKernel(server), "Semantic Kernel", "Microsoft.SemanticKernel.Connectors.OpenAI"),
    ];

    public static TheoryData<string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (var client in s_npm.Select(one => one.Client).Concat(s_dotnet.Select(one => one.Client)).Concat(s_grpc))
                foreach (var feature in s_features) cells.Add(client, feature);
            return cells;
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task A_client_does_what_it_can_do_and_the_page_says_what_that_is(string client, string feature)
    {
        var result = s_npm.Any(one => one.Client == client) ? (await server.Npm)[client][feature]
            : s_grpc.Contains(client) ? (await server.GrpcClients)[client][feature]
            : await s_dotnet.Single(one => one.Client == client).Make(server).RunAsync(feature);
        Assert.True(result == "ok" || result.StartsWith("absent: ", StringComparison.Ordinal), result);
        var page = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "clients.md"),
            TestContext.Current.CancellationToken);
        var row = page.Split('\n').Single(line => line.StartsWith($"| {client} |", StringComparison.Ordinal))
            .Split('|', StringSplitOptions.TrimEntries);
        Assert.Equal(result == "ok" ? "yes" : "no", row[3 + Array.IndexOf(s_features, feature)]);
        if (result != "ok") Assert.Contains($"- {client}, {feature}: {result["absent: ".Length..]}", page, StringComparison.Ordinal);
        Assert.Equal(s_grpc.Contains(client) ? (await server.GrpcClients)[client]["version"] : VersionOf(client), row[2]);
    }

    private static string? VersionOf(string client)
    {
        if (s_npm.FirstOrDefault(one => one.Client == client).Package is { } npm)
        {
            var packages = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Clients", "npm", "package.json"));
            return JsonDocument.Parse(packages).RootElement.GetProperty("dependencies").GetProperty(npm).GetString();
        }

        var package = s_dotnet.Single(one => one.Client == client).Package;
        return XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Directory.Packages.props")).Descendants("PackageVersion")
            .Single(version => version.Attribute("Include")!.Value == package).Attribute("Version")!.Value;
    }
}

/// <summary>A client for .NET; a feature is what it does, or why there is no such thing in the client.</summary>
internal abstract class DotNetClient
{
    protected const string User = "hi";
    protected const int Tokens = 12; // of the expected answers
    protected const int Long = 400; // tokens of an answer that is broken off
    protected const string Weather =
        """{"type":"object","properties":{"unit":{"enum":["c","f"]}},"required":["unit"],"additionalProperties":false}""";
    protected const string Number =
        """
        {"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":99}},"required":["n"],"additionalProperties":false}
        """;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected Dictionary<string, Func<Task>> Does { get; } = [];

    protected Dictionary<string, string> Absent { get; } = [];

    public async Task<string> RunAsync(string feature)
    {
        if (Absent.TryGetValue(feature, out var why)) return $"absent: {why}";
        await Does[feature]();
        return "ok";
    }

    protected static void IsWeather(string arguments) => Assert.Matches("^\\{\"unit\": ?\"[cf]\"\\}$", arguments);

    protected static void IsNumber(string json) =>
        Assert.InRange(JsonDocument.Parse(json).RootElement.GetProperty("n").GetInt32(), 0, 99);

    /// <summary>Reads three parts of a stream and breaks it off.</summary>
    protected static async Task BreakOffAsync<T>(Func<CancellationToken, IAsyncEnumerable<T>> stream)
    {
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var parts = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in stream(abort.Token).WithCancellation(abort.Token))
                if (++parts == 3) await abort.CancelAsync();
        });
        Assert.InRange(parts, 3, 100);
    }
}
