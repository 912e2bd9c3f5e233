using System.Net;
using Btx.Model;
using Btx.Server.Changes;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Btx.Server.Tests.Changes;

/// <summary>Who may change the forest.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class AdminAccessTests
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
    public void With_a_key(string? authorization, string? expected)
    {
        // who has the key may come from anywhere
        var headers = new HeaderDictionary { ["x-forwarded-for"] = "10.0.0.7", ["origin"] = "https://elsewhere.example" };
        if (authorization is not null) headers["authorization"] = authorization;
        Refused(expected, Admin(new() { AdminKeyHash = AdminAccess.Hash(Key) }).Refusal(headers));
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
        Refused(expected, Admin(new() { UnauthenticatedAdmin = true }).Refusal(headers));
        Refused("takes no changes", Admin(new()).Refusal(headers));
    }

    [Fact]
    public void The_way_without_a_key_is_for_loopback_alone()
    {
        Assert.Contains("use --admin-key-file",
            Assert.Throws<BtxException>(() => Admin(new() { UnauthenticatedAdmin = true }, "0.0.0.0")).Message, StringComparison.Ordinal);
        Assert.Contains("choose one", Assert.Throws<BtxException>(() =>
            Admin(new() { UnauthenticatedAdmin = true, AdminKeyHash = AdminAccess.Hash(Key) })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("short", "holds no key")]
    [InlineData("", "holds no key")]
    [InlineData("0123456789abcdef with blanks", "holds no key")]
    [InlineData("0123456789abcdef\n0123456789abcdef", "holds no key")]
    [InlineData("0123456789abcdéf", "holds no key")]
    public void Bad_key_files(string text, string message)
    {
        var failure = Assert.Throws<BtxException>(() => AdminAccess.ReadKey(Write(text, UnixFileMode.UserRead)));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public void A_key_file_is_its_owners_alone()
    {
        Assert.Equal(Key, AdminAccess.ReadKey(Write(Key + "\n", UnixFileMode.UserRead | UnixFileMode.UserWrite)));
        Assert.Contains("chmod 600", Assert.Throws<BtxException>(() =>
            AdminAccess.ReadKey(Write(Key, UnixFileMode.UserRead | UnixFileMode.GroupRead))).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<BtxException>(() => AdminAccess.ReadKey("/nowhere/key")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_key_changes_need_it_and_reading_does_not_but_shows_no_directories()
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
    public async Task Without_a_key_nothing_can_be_changed()
    {
        await using var server = await RunningServer.StartAsync(readOnly: true);
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, null));
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, Key));
        var list = await server.Forest.ListExpertsAsync(new());
        Assert.Equal(3, list.Experts.Count);
        Assert.Empty(list.ExpertRoots);
    }

    private static AdminAccess Admin(Access access, string grpc = "127.0.0.1") =>
        access.Open(new("--http", new(IPAddress.Loopback, 1)), new("--grpc", new(IPAddress.Parse(grpc), 2))).Admin;

    private static void Refused(string? expected, Status? refusal)
    {
        Assert.Equal(expected is null, refusal is null);
        Assert.Contains(expected ?? "", refusal?.Detail ?? "", StringComparison.Ordinal);
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

    private static string Write(string text, UnixFileMode mode)
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, mode);
        return path;
    }
}
