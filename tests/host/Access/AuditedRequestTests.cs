using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Btx.Cli.Tests;
using Btx.Server.Access;
using Btx.Server.Changes;
using Btx.Server.Metrics;
using Btx.Server.Rpc;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Btx.Server.Tests.Access;

/// <summary>What is kept of a call: bounded, without users' texts, and with what became of its change.</summary>
public sealed class AuditedRequestTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Of_a_users_text_its_length_and_hash_are_kept()
    {
        const string Text = "the secret text é";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)));
        var digest = $$"""{"bytes":18,"sha256":"{{hash}}"}""";
        var by = new ChangeAuthor { Author = "ada", Reason = "a test" };
        const string By = """{"by":{"author":"ada","reason":"a test"},""";
        Assert.Equal($$"""{{By}}"name":"tales","weights":{},"domain":"","sample":{{digest}}}""",
            Kept(new CreateAverageRequest { By = by, Name = "tales", Sample = Text }));
        Assert.Contains($"\"probe\":{digest}", Kept(new RemoveExpertRequest { By = by, Experts = { "law" }, Probe = Text }),
            StringComparison.Ordinal);
        Assert.Contains($$"""
            "samples":{"law":{{digest}}}
            """, Kept(new AddExpertRequest { By = by, Samples = { ["law"] = Text } }), StringComparison.Ordinal);
    }

    [Fact]
    public void However_large_a_request_is_little_of_it_is_kept()
    {
        var removal = new RemoveExpertRequest { By = new() { Author = new('a', 1000), Reason = "\u0001\n\"" } };
        removal.Experts.AddRange(Enumerable.Repeat("law", 100_000));
        var kept = JsonDocument.Parse(Kept(removal)).RootElement;
        Assert.Equal(new string('a', AuditedRequest.LongestText) + "…", kept.GetProperty("by").GetProperty("author").GetString());
        Assert.Equal((AuditedRequest.LongestList + 1, "… 99980 more"),
            (kept.GetProperty("experts").GetArrayLength(), kept.GetProperty("experts").EnumerateArray().Last().GetString()));
        var addition = new AddExpertRequest { Directory = new('\u0001', 1_000_000), Sha256 = new('漢', 100_000) };
        for (var i = 0; i < 1000; i++)
        {
            addition.Samples[$"{i}{new string('漢', 300)}"] = "text";
            addition.Parents.Add(new Parent { Name = new('漢', 1000) });
        }

        var text = Kept(addition);
        Assert.InRange(Encoding.UTF8.GetByteCount(text), 1, AuditedRequest.Longest);
        Assert.Contains("\"parents\":\"left out: too long\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whether_the_change_was_committed_is_recorded_though_its_client_left()
    {
        using var disk = new SampleServed();
        using var registry = new FakeRegistry(disk);
        var metrics = new ForestMetrics(Prometheus.Metrics.NewCustomRegistry(), registry, () => 0);
        using var changes = new ForestChanges(registry, metrics, TimeProvider.System);
        using var files = new KeyFiles();
        using var log = new AuditLog(new() { AuditFile = files["audit"] }, new ManualClock(), NullLogger<AuditLog>.Instance);
        var creation = ChangeRequests.Average(new() { By = new() { Author = "ada", Reason = "a test" }, Name = "a", Domain = "novels" });
        foreach (var protocol in new[] { "HTTP/1.1", "HTTP/2" })
        {
            using var left = new CancellationTokenSource();
            var http = new DefaultHttpContext
            {
                User = new(new ClaimsIdentity([new(ClaimTypes.NameIdentifier, "ada")], "key")),
                Request = { Path = "/change", Protocol = protocol },
                RequestAborted = left.Token,
            };
            http.SetEndpoint(new(null, new(new NeedsAttribute(Scope.Admin)), null));
            await Assert.ThrowsAsync<OperationCanceledException>(() => log.RecordAsync(http, async _ =>
            {
                var committed = new LeavingClient(left, registry);
                await new ForestAdministration(changes).ChangeAsync(creation, committed, http, CancellationToken.None);
            }));
            creation = creation with { Name = "b" };
        }

        var lines = (await File.ReadAllLinesAsync(files["audit"], Stop)).Select(line => JsonDocument.Parse(line).RootElement);
        Assert.Equal([("c000001", "committed"), ("c000002", "committed")],
            lines.Select(e => (e.GetProperty("change").GetString(), e.GetProperty("outcome").GetString())));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_that_was_given_up_because_its_client_left_is_recorded_so(bool grpc)
    {
        using var files = new KeyFiles();
        await using var server = await RunningServer.StartAsync(access: new() { UnauthenticatedAdmin = true, AuditFile = files["audit"] });
        server.Registry.Hold = Task.Delay(Timeout.Infinite, Stop);
        using var leaving = new CancellationTokenSource();
        var request = new CreateAverageRequest { By = new() { Author = "ada", Reason = "a test" }, Name = "a", Domain = "novels" };
        using var body = new StringContent(MessageJson.Text(request), Encoding.UTF8, "application/json");
        using var call = grpc ? server.Forest.CreateAverage(request, cancellationToken: leaving.Token) : null;
        var ended = call?.ResponseStream.MoveNext(Stop).ContinueWith(_ => { }, TaskScheduler.Default)
            ?? server.Http.PostAsync("/v1/forest/averages", body, leaving.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        await server.Registry.Building;
        await leaving.CancelAsync();
        await ended;
        string[] lines = [];
        await Patience.UntilAsync(() => File.Exists(files["audit"]) && (lines = File.ReadAllLines(files["audit"])).Length == 1, "the line");
        var entry = JsonDocument.Parse(lines[0]).RootElement;
        Assert.Equal(("c000001", "aborted"), (entry.GetProperty("change").GetString(), entry.GetProperty("outcome").GetString()));
    }

    private static string Kept(Google.Protobuf.IMessage message) =>
        JsonSerializer.Serialize(AuditedRequest.Of(message).Json, AuditLog.Json);

    /// <summary>Leaves once the change is committed.</summary>
    private sealed class LeavingClient(CancellationTokenSource left, FakeRegistry registry) : IServerStreamWriter<ChangeUpdate>
    {
        public WriteOptions? WriteOptions { get; set; }

        public async Task WriteAsync(ChangeUpdate message)
        {
            if (message.Result is null) return;
            Assert.Equal("committed", registry.History[^1].Outcome);
            await left.CancelAsync();
            throw new OperationCanceledException(left.Token);
        }
    }
}
