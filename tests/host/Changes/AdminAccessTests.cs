using System.Net;
using Btx.Model;
using Btx.Server.Changes;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Changes;

/// <summary>Who may change the forest.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class AdminAccessTests
{
    private const string Key = "0123456789abcdef0123456789abcdef";
    private static readonly CreateAverageRequest s_change = new() { By = new() { Author = "ada", Reason = "a test" }, Name = "tales", Domain = "novels" };

    [Theory]
    [InlineData(null, "127.0.0.1", false, AdminDecision.Allowed)]
    [InlineData(null, "::1", false, AdminDecision.Allowed)]
    [InlineData(null, "0.0.0.0", false, AdminDecision.ReadOnly)]
    [InlineData("Bearer " + Key, "0.0.0.0", false, AdminDecision.ReadOnly)]
    [InlineData(null, "127.0.0.1", true, AdminDecision.NoKey)]
    [InlineData("Bearer " + Key, "127.0.0.1", true, AdminDecision.Allowed)]
    [InlineData("bearer  " + Key + " ", "0.0.0.0", true, AdminDecision.Allowed)]
    [InlineData("Bearer " + Key + "0", "0.0.0.0", true, AdminDecision.WrongKey)]
    [InlineData("Bearer ", "0.0.0.0", true, AdminDecision.WrongKey)]
    [InlineData("Basic " + Key, "0.0.0.0", true, AdminDecision.WrongKey)]
    [InlineData(Key, "0.0.0.0", true, AdminDecision.WrongKey)]
    public void Decisions(string? authorization, string address, bool withKey, object expected) =>
        Assert.Equal(expected, AdminAccess.Of(withKey ? AdminAccess.Hash(Key) : null, new("--grpc", new(IPAddress.Parse(address), 1))).Decide(authorization));

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
        Assert.Contains("chmod 600", Assert.Throws<BtxException>(() => AdminAccess.ReadKey(Write(Key, UnixFileMode.UserRead | UnixFileMode.GroupRead))).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<BtxException>(() => AdminAccess.ReadKey("/nowhere/key")).Message, StringComparison.Ordinal);
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
        Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(async () => await server.Forest.ReplayRecipeAsync(new() { Experts = { "german" } }))).StatusCode);
    }

    [Fact]
    public async Task On_the_network_without_a_key_nothing_can_be_changed()
    {
        await using var server = await RunningServer.StartAsync(readOnly: true);
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, null));
        Assert.Equal(StatusCode.PermissionDenied, await Change(server, Key));
        var list = await server.Forest.ListExpertsAsync(new());
        Assert.Equal(3, list.Experts.Count);
        Assert.Empty(list.ExpertRoots);
    }

    private static Metadata Headers(string? key) => key is null ? [] : new() { { "authorization", $"Bearer {key}" } };

    private static async Task<StatusCode> Change(RunningServer server, string? key)
    {
        using var call = server.Forest.CreateAverage(s_change, Headers(key));
        try
        {
            await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
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
