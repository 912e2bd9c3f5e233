using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts list, show, history, averages list</c>: from a server, and from the directory.</summary>
public sealed class ReadingVerbsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task List_is_a_table_and_the_directory_says_the_same()
    {
        Assert.Equal(0,
            (await ExpertsRun.On(_server, null, "remove", "python", "--lineage", "quarantine", "--yes", "--reason", "a test")).Code);
        var (code, output, errors) = await ExpertsRun.On(_server, null, "list");
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split('\n');
        Assert.Equal("forest at revision 1: 2 experts, 1 of them quarantined, fp32", lines[0]);
        Assert.Equal("NAME    DOMAIN  STATUS       ROUND  TOKENS  BRANCHED FROM            SHA-256", lines[1]);
        Assert.Equal($"german  german  quarantined  2      150 k   novels 0.75 python 0.25  {SampleServed.Hash("german")[..12]}…",
            lines[3]);
        Assert.Equal("removed: python (revision 1)", lines[4]);
        Assert.Equal($"experts may be added from: {_server.Disk.Forest}", lines[5]);
        var disk = await ExpertsRun.On(null, null, "list", "--forest", _server.Disk.Served);
        Assert.Equal((0, string.Join('\n', lines.Where(line => !line.StartsWith("experts may", StringComparison.Ordinal)))),
            (disk.Code, disk.Output));
    }

    [Fact]
    public async Task List_warns_of_weights_that_are_served_twice()
    {
        Assert.DoesNotContain("the same weights", (await ExpertsRun.On(_server, null, "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await ExpertsRun.On(_server, null, "add", "experts/tales", "--name", "tales", "--sha256",
            SampleServed.Hash("novels"), "--reason", "a test")).Code);
        Assert.Contains("\nthe same weights: novels, tales; they count double in every mixture, and can be removed only together\n",
            (await ExpertsRun.On(_server, null, "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_goes_to_a_file_or_in_the_place_of_the_text()
    {
        var path = _server.Disk["list.json"];
        var text = await ExpertsRun.On(_server, null, "list", "--json", path);
        Assert.StartsWith("forest at revision 0", text.Output, StringComparison.Ordinal);
        var json = await ExpertsRun.On(_server, null, "list", "--json", "-");
        Assert.Equal(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), json.Output);
        using var list = JsonDocument.Parse(json.Output);
        Assert.Equal(0.75, list.RootElement.GetProperty("experts")[2].GetProperty("parents")[0].GetProperty("weight").GetDouble());
    }

    [Fact]
    public async Task Show_says_what_an_expert_is_made_of()
    {
        var (code, output, _) = await ExpertsRun.On(_server, null, "show", "german");
        Assert.Equal(0, code);
        Assert.Contains("german: domain german, ready\n", output, StringComparison.Ordinal);
        Assert.Contains("has in it      seed 1.0000, novels 0.7500, python 0.2500\n", output, StringComparison.Ordinal);
        Assert.Contains("experts/german of the source forest", output, StringComparison.Ordinal);
        Assert.Equal(output, (await ExpertsRun.On(null, null, "show", "german", "--forest", _server.Disk.Served)).Output);
        Assert.Equal((1, "error: no expert \"nobody\" in the forest; it has novels, python, german\n"),
            Ending(await ExpertsRun.On(_server, null, "show", "nobody")));
    }

    [Fact]
    public async Task History_lists_every_change_with_author_and_reason()
    {
        Assert.Equal("no change has been made: the forest is as it was exported\n", (await ExpertsRun.On(_server, null, "history")).Output);
        await ExpertsRun.On(_server, null, "averages", "create", "tales", "--domain", "novels", "--reason", "for tales", "--author", "ada");
        await ExpertsRun.On(_server, null, "rollback", "--reason", "no longer", "--author", "bob");
        var (_, output, _) = await ExpertsRun.On(_server, null, "history");
        var lines = output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("ID       TIME (UTC)", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("average   tales  committed  0 -> 1    ada     for tales", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("rollback  tales  committed  1 -> 2    bob     no longer (undoes c000001)", lines[2], StringComparison.Ordinal);
        Assert.Equal(output, (await ExpertsRun.On(null, null, "history", "--forest", _server.Disk.Served)).Output);
        Assert.Equal(2, (await ExpertsRun.On(_server, null, "history", "--limit", "1")).Output.Trim().Split('\n').Length);
    }

    [Fact]
    public async Task Bad_input_is_one_line()
    {
        Assert.Equal((1, "error: --limit is -1; expected 0 (all) or more\n"),
            Ending(await ExpertsRun.On(_server, null, "history", "--limit", "-1")));
        Assert.Equal((2, "'--server' and '--forest' are both given; name the server or the directory."),
            Ending(await ExpertsRun.On(_server, null, "list", "--forest", "x")));
        var none = await ExpertsRun.On(null, null, "list", "--server", "127.0.0.1:1");
        Assert.Equal((1,
            "error: no server listens at http://127.0.0.1:1; start one with `btx serve --forest S`; list, history and show read a served "
            + "forest without one: --forest S\n"),
            Ending(none));
        Assert.Contains("not a server's address", (await ExpertsRun.On(null, null, "list", "--server", "ftp://x")).Errors,
            StringComparison.Ordinal);
        Assert.Contains("/nowhere", (await ExpertsRun.On(null, null, "list", "--forest", "/nowhere")).Errors, StringComparison.Ordinal);
        Assert.Contains("--admin-key-file /nowhere", (await ExpertsRun.On(_server, null, "list", "--admin-key-file", "/nowhere")).Errors,
            StringComparison.Ordinal);
        Assert.Equal(2, (await ExpertsRun.On(null, null, "lst")).Code);
    }

    private static (int Code, string Errors) Ending((int Code, string Output, string Errors) run) => (run.Code, run.Errors);
}
