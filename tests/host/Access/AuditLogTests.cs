using System.Security.Claims;
using System.Text.Json;
using Btx.Cli.Tests;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Btx.Server.Tests.Access;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class AuditLogTests
{
    /// <summary>Whoever leaves before the whole message has come has not sent a wrong one.</summary>
    [Fact]
    public async Task A_client_that_left_in_the_middle_of_its_message_is_recorded_as_that()
    {
        using var files = new KeyFiles();
        await using var server = await RunningServer.StartAsync(access: new()
        {
            UnauthenticatedAdmin = true,
            AuditFile = files["audit.jsonl"],
        });
        string[] lines = [];
        await Patience.UntilAsync(async () =>
        {
            using (var connection = await RawHttp2.OpenAsync(new(server.GrpcAddress)))
            {
                await connection.SendAsync(RawHttp2.Head(1, "/btx.v1.Forest/DropAverage"),
                    new RawFrame(RawFrame.Data, 0, 1, [0, 0, 0, 0, 100, 1]));
                await Task.Delay(50, TestContext.Current.CancellationToken); // so that the call has begun
                await connection.SendAsync(new RawFrame(RawFrame.Reset, 0, 1, [0, 0, 0, 8]));
            }

            return (lines = File.Exists(files["audit.jsonl"]) ? File.ReadAllLines(files["audit.jsonl"]) : []).Length > 0;
        }, () => "a line");
        Assert.All(lines, line => Assert.True(line.Contains("\"outcome\":\"Cancelled\"", StringComparison.Ordinal), line));
    }

    [Fact]
    public async Task Each_administrative_call_is_a_line_whoever_made_it_and_however_it_ended()
    {
        using var files = new KeyFiles();
        var (operations, right) = files.Add(KeyFiles.Plain with { Scopes = ["admin"] });
        var (customer, wrong) = files.Add(KeyFiles.Plain);
        await File.WriteAllTextAsync(files["audit.jsonl"], "{}\n");
        await using var server = await RunningServer.StartAsync(access: new()
        {
            KeyFile = files.Keys,
            AdminKeyHash = ApiKey.Hash("the admin key of this server"),
            AuditFile = files["audit.jsonl"]
        });
        await Create(server, "tales", right);
        await Create(server, "tales", "the admin key of this server"); // there is one of that name
        await Create(server, "tales", wrong);
        await Create(server, "tales", "nonsense");
        await server.Forest.ListExpertsAsync(new(), Bearer(right)); // changes nothing
        using var generated = server.Inference.Generate(new() { Prompt = new() { Text = "the secret prompt" } }, Bearer(wrong));
        await generated.ResponseStream.ReadAllAsync().ToListAsync();

        string[] lines = [];
        await Patience.UntilAsync(() => (lines = File.ReadAllLines(files["audit.jsonl"])).Length >= 5, "the last line");
        var entries = lines.Skip(1).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal([operations, "admin-key", customer, "anonymous"], entries.Select(e => e.GetProperty("caller").GetString()));
        Assert.Equal("committed", entries[0].GetProperty("outcome").GetString());
        Assert.Equal("c000001", entries[0].GetProperty("change").GetString());
        Assert.DoesNotContain(entries[1].GetProperty("outcome").GetString(), new[] { "OK", "committed" });
        Assert.Equal(["PermissionDenied", "Unauthenticated"], entries[2..].Select(e => e.GetProperty("outcome").GetString()));
        Assert.Contains("needs the scope admin", entries[2].GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.All(entries, e =>
        {
            Assert.Equal("/btx.v1.Forest/CreateAverage", e.GetProperty("call").GetString());
            Assert.Equal("127.0.0.1", e.GetProperty("remote").GetString());
            Assert.NotEmpty(e.GetProperty("request_id").GetString()!);
            Assert.InRange(e.GetProperty("time").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
        });
        Assert.All(entries[..2], e => Assert.Equal("tales", e.GetProperty("request").GetProperty("name").GetString()));
        Assert.All(entries[2..], e => Assert.Equal(JsonValueKind.Null, e.GetProperty("request").ValueKind)); // it was not read
        string[] secrets = [right.Split('_')[2], wrong.Split('_')[2], "the admin key", "nonsense", "secret prompt"];
        Assert.All(lines.Concat(server.Log.All), line =>
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, line, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Without_keys_the_caller_is_anonymous_and_the_file_is_its_owners_alone()
    {
        using var files = new KeyFiles();
        await using var server = await RunningServer.StartAsync(access: new() { UnauthenticatedAdmin = true, AuditFile = files["audit"] });
        await Create(server, "tales", null);
        string[] lines = [];
        await Patience.UntilAsync(() => (lines = File.ReadAllLines(files["audit"])).Length >= 1, "the line");
        Assert.Equal("anonymous", JsonDocument.Parse(lines.Single()).RootElement.GetProperty("caller").GetString());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(files["audit"]));
    }

    [Fact]
    public async Task Refused_calls_of_each_caller_are_ten_lines_a_minute_and_one_that_counts_the_rest()
    {
        using var files = new KeyFiles();
        var clock = new ManualClock();
        var log = new AuditLog(new() { AuditFile = files["audit"] }, clock, NullLogger<AuditLog>.Instance);
        var number = 0;
        for (var i = 0; i < 25; i++) await Refuse("a");
        await Refuse("b");
        Assert.Equal(11, Lines().Length);
        clock.Advance(60);
        var last = JsonDocument.Parse(Lines()[^1]).RootElement;
        Assert.Equal(("a", "refused or failed", 15), (last.GetProperty("caller").GetString(), last.GetProperty("outcome").GetString(),
            last.GetProperty("more_in_the_last_minute").GetInt32()));
        Assert.Equal(12, Lines().Length);
        for (var i = 0; i < 11; i++) await Refuse("a"); // a new minute
        Assert.Equal(22, Lines().Length);
        for (var i = 0; i < 3000; i++) await Refuse($"c{i}"); // nobody has more by another name
        Assert.InRange(Lines().Length, 1000, 1100);
        log.Dispose();
        Assert.Contains(Lines(), line => line.Contains("\"others\"", StringComparison.Ordinal)
            && line.Contains("\"more_in_the_last_minute\"", StringComparison.Ordinal));

        string[] Lines() => File.ReadAllLines(files["audit"]);

        Task Refuse(string caller)
        {
            var http = new DefaultHttpContext
            {
                User = new(new ClaimsIdentity([new(ClaimTypes.NameIdentifier, caller)], "key")),
                Request = { Path = "/change", Protocol = "HTTP/1.1" },
            };
            http.SetEndpoint(new(null, new(new NeedsAttribute(Scope.Admin)), null));
            return log.RecordAsync(http, refused =>
            {
                refused.Response.StatusCode = ++number % 2 == 0 ? 403 : 400;
                return Task.CompletedTask;
            });
        }
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_told_at_start() =>
        Assert.StartsWith("--audit /nowhere/audit.jsonl: cannot be written",
            Assert.Throws<BtxException>(() => AuditLog.RequireWritable("/nowhere/audit.jsonl")).Message, StringComparison.Ordinal);

    private static async Task Create(RunningServer server, string name, string? key)
    {
        var request = new CreateAverageRequest { By = new() { Author = "ada", Reason = "a test" }, Name = name, Domain = "novels" };
        using var call = server.Forest.CreateAverage(request, key is null ? [] : Bearer(key));
        try
        {
            await call.ResponseStream.ReadAllAsync().ToListAsync();
        }
        catch (RpcException)
        {
            // The log says how it ended.
        }
    }

    private static Metadata Bearer(string token) => new() { { "authorization", $"Bearer {token}" } };
}
