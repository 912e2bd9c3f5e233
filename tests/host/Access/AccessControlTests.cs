using System.Net;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Lifetime;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Btx.Server.Tests.Access;

/// <summary>Who a caller is without API keys: with the admin key, and without any.</summary>
public sealed class AccessControlTests
{
    private const string Key = "0123456789abcdef0123456789abcdef";
    private static readonly CreateAverageRequest s_change = new()
    {
        By = new() { Author = "ada", Reason = "a test" },
        Name = "tales",
        Domain = "novels"
    };

    [Theory]
    [InlineData(null, "admin key is needed")]
    [InlineData("Bearer " + Key, null)]
    [InlineData("bearer  " + Key + " ", null)]
    [InlineData("Bearer " + Key + "0", "is not this server's")]
    [InlineData("Bearer ", "is not this server's")]
    [InlineData("Basic " + Key, "is not this server's")]
    [InlineData(Key, "is not this server's")]
    public void With_an_admin_key(string? authorization, string? expected)
    {
        // who has the key may come from anywhere
        var headers = new HeaderDictionary { ["x-forwarded-for"] = "10.0.0.7", ["origin"] = "https://elsewhere.example" };
        if (authorization is not null) headers["authorization"] = authorization;
        Refused(expected, Control(new() { AdminKeyHash = ApiKey.Hash(Key) }), headers, StatusCode.Unauthenticated);
    }

    [Theory]
    [InlineData("", "", null)]
    [InlineData("X-Forwarded-For", "10.0.0.7", "came through a proxy")]
    [InlineData("x-forwarded-proto", "https", "came through a proxy")]
    [InlineData("Forwarded", "for=10.0.0.7", "came through a proxy")]
    [InlineData("Via", "1.1 proxy", "came through a proxy")]
    [InlineData("X-Real-IP", "10.0.0.7", "came through a proxy")]
    [InlineData("Origin", "https://elsewhere.example", "from a page of another site")]
    [InlineData("Origin", "null", "from a page of another site")]
    [InlineData("Origin", "http://localhost:3000", null)]
    public void Without_a_key_only_what_comes_from_this_machine_is_taken_and_only_where_the_operator_said_so(string header, string value,
        string? expected)
    {
        var headers = new HeaderDictionary();
        if (header.Length > 0) headers[header] = value;
        Refused(expected, Control(new() { UnauthenticatedAdmin = true }), headers, StatusCode.PermissionDenied);
        Refused("takes no changes", Control(new()), headers, StatusCode.PermissionDenied);
    }

    [Fact]
    public void A_server_that_others_reach_has_keys_or_says_that_it_is_insecure()
    {
        foreach (var (http, grpc) in new[] { ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "10.0.0.7"), ("::", "::1") })
        {
            Assert.Contains("--insecure", Problem(new(), http, grpc), StringComparison.Ordinal);
            Assert.Contains("--insecure", Problem(new() { AdminKeyHash = ApiKey.Hash(Key) }, http, grpc), StringComparison.Ordinal);
            Assert.Null(Problem(new() { Insecure = true }, http, grpc));
            Assert.Null(Problem(new() { Tokens = new("https://login.example", null, "btx") }, http, grpc));
            Assert.StartsWith("warning: --insecure: whoever reaches ", Warnings(new() { Insecure = true }, http, grpc).Single(),
                StringComparison.Ordinal);
            Assert.Contains("travel in clear text", Warnings(new() { KeyFile = "keys" }, http, grpc).Single(), StringComparison.Ordinal);
            Assert.Empty(Warnings(new() { KeyFile = "keys" }, http, grpc, hasTls: true));
        }

        Assert.Null(Problem(new(), "127.0.0.1", "::1"));
        Assert.Empty(Warnings(new() { Insecure = true }, "127.0.0.1", "127.0.0.2"));
        Assert.Contains("use --admin-key-file", Problem(new() { UnauthenticatedAdmin = true, Insecure = true }, "127.0.0.1", "0.0.0.0"),
            StringComparison.Ordinal);
        AccessOptions[] contradictions =
        [
            new() { UnauthenticatedAdmin = true, AdminKeyHash = ApiKey.Hash(Key) },
            new() { UnauthenticatedAdmin = true, KeyFile = "keys.json" },
            new() { Insecure = true, KeyFile = "keys.json" },
        ];
        Assert.All(contradictions, one => Assert.Contains("choose one", Problem(one, "127.0.0.1", "127.0.0.1"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_the_admin_key_alone_changes_need_it_and_reading_does_not_but_shows_no_directories()
    {
        await using var server = await RunningServer.StartAsync(adminKey: Key);
        Assert.Equal(StatusCode.Unauthenticated, await Change(server, null));
        Assert.Equal(StatusCode.Unauthenticated, await Change(server, "another key of like length"));
        Assert.Equal(0, server.Registry.State.Revision);
        Assert.Equal(StatusCode.OK, await Change(server, Key));
        Assert.Equal(1, server.Registry.State.Revision);

        var open = await server.Forest.ListExpertsAsync(new());
        Assert.Equal(3, open.Experts.Count);
        Assert.Empty(open.ExpertRoots);
        Assert.All(open.Experts, e => Assert.Empty(e.Path));
        var seen = await server.Forest.ListExpertsAsync(new(), Headers(Key));
        Assert.Equal([server.Disk.Forest], seen.ExpertRoots);
        Assert.Equal("experts/novels", seen.Experts[0].Path);
        Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(async () =>
            await server.Forest.ReplayRecipeAsync(new() { Experts = { "german" } }))).StatusCode);
    }

    [Fact]
    public async Task Without_a_key_nothing_can_be_changed_and_a_key_that_a_client_sends_all_the_same_harms_nothing()
    {
        await using var server = await RunningServer.StartAsync(readOnly: true);
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, null));
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, Key));
        var list = await server.Forest.ListExpertsAsync(new(), Headers("sk-none"));
        Assert.Equal(3, list.Experts.Count);
        Assert.Empty(list.ExpertRoots);
    }

    private static ListenAddress Listen(string option, string address, int port) => new(option, new(IPAddress.Parse(address), port));

    private static string? Problem(AccessOptions options, string http, string grpc) =>
        Record.Exception(() => options.Open(Listen("--http", http, 1), Listen("--grpc", grpc, 2))) is BtxException e ? e.Message : null;

    private static IEnumerable<string> Warnings(AccessOptions options, string http, string grpc, bool hasTls = false) =>
        options.Warnings(hasTls, Listen("--http", http, 1), Listen("--grpc", grpc, 2));

    private static AccessControl Control(AccessOptions options) => new(options,
        options.Open(Listen("--http", "127.0.0.1", 1), Listen("--grpc", "127.0.0.1", 2)), new(options, NullLogger<KeyRing>.Instance),
        TimeProvider.System);

    private static void Refused(string? expected, AccessControl control, HeaderDictionary headers, StatusCode status)
    {
        var caller = control.Authenticate(headers).Principal!;
        Assert.Equal(expected is null, Scopes.Of(caller).HasFlag(Scope.Admin));
        Assert.True(Scopes.Of(caller).HasFlag(Scope.Generate | Scope.Observe));
        if (expected is null) return;
        var denial = control.Refuse(headers, caller, Scope.Admin, null);
        Assert.Contains(expected, denial.Message, StringComparison.Ordinal);
        Assert.Equal(status, denial.Rpc);
    }

    private static Metadata Headers(string? key) => key is null ? [] : new() { { "authorization", $"Bearer {key}" } };

    private static async Task<StatusCode> Change(RunningServer server, string? key)
    {
        using var call = server.Forest.CreateAverage(s_change, Headers(key));
        try
        {
            await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
                .ToListAsync(TestContext.Current.CancellationToken);
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}
