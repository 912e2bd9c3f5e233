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
    [InlineData(null, AdminDecision.NoKey)]
    [InlineData("Bearer " + Key, AdminDecision.Allowed)]
    [InlineData("bearer  " + Key + " ", AdminDecision.Allowed)]
    [InlineData("Bearer " + Key + "0", AdminDecision.WrongKey)]
    [InlineData("Bearer ", AdminDecision.WrongKey)]
    [InlineData("Basic " + Key, AdminDecision.WrongKey)]
    [InlineData(Key, AdminDecision.WrongKey)]
    public void With_a_key(string? authorization, object expected)
    {
        // who has the key may come from anywhere
        var headers = new HeaderDictionary { ["x-forwarded-for"] = "10.0.0.7", ["origin"] = "https://elsewhere.example" };
        if (authorization is not null) headers["authorization"] = authorization;
        Assert.Equal(expected, Admin(new() { AdminKeyHash = AdminAccess.Hash(Key) }).Decide(headers));
    }

    [Theory]
    [InlineData("", "", AdminDecision.Allowed)]
    [InlineData("X-Forwarded-For", "10.0.0.7", AdminDecision.Forwarded)]
    [InlineData("x-forwarded-proto", "https", AdminDecision.Forwarded)]
    [InlineData("Forwarded", "for=10.0.0.7", AdminDecision.Forwarded)]
    [InlineData("Via", "1.1 proxy", AdminDecision.Forwarded)]
    [InlineData("X-Real-IP", "10.0.0.7", AdminDecision.Forwarded)]
    [InlineData("Origin", "https://elsewhere.example", AdminDecision.ForeignOrigin)]
    [InlineData("Origin", "null", AdminDecision.ForeignOrigin)]
    [InlineData("Origin", "http://localhost:3000", AdminDecision.Allowed)]
    public void Without_a_key_only_what_comes_from_this_machine_is_taken_and_only_where_the_operator_said_so(string header, string value,
    object expected)
    {
        var headers = new HeaderDictionary();
        if (header.Length > 0) headers[header] = value;
        Assert.Equal(expected, Admin(new() { UnauthenticatedAdmin = true }).Decide(headers));
        Assert.Equal(AdminDecision.ReadOnly, Admin(new()).Decide(headers));
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
