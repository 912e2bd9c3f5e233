using System.Text.Json;
using Btx.Engine;
using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts add, rollback, averages</c>: what is sent, what is shown, what is refused.</summary>
public sealed class ChangingVerbsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Add_sends_everything_and_shows_phases_and_result()
    {
        var sample = _server.Disk["law.txt"];
        await File.WriteAllTextAsync(sample, "hereby", TestContext.Current.CancellationToken);
        var (code, output, errors) = await ExpertsRun.On(
            _server, null, "add", _server.Disk.Forest, "--name", "law", "--domain", "contracts", "--parent", "novels=0.5", "--parent",
                "python=0.5", "--sha256", SampleServed.Hash("law").ToUpperInvariant(),
            "--sample", $"contracts={sample}", "--router-statistics", "statistics", "--reason", "in demand", "--author", "ada");
        Assert.Equal(0, code);
        var asked = _server.Registry.LastAddition!;
        Assert.Equal((_server.Disk.Forest, "law", "contracts", SampleServed.Hash("law"), "hereby", "statistics"),
            (asked.Directory, asked.Name, asked.Domain, asked.Sha256, asked.Samples["contracts"], asked.RouterStatistics));
        Assert.Equal([("novels", 0.5), ("python", 0.5)], asked.Parents!.Select(p => (p.Name, p.Weight)));
        Assert.Equal(("ada", "in demand"), (asked.By.Author, asked.By.Reason));
        Assert.Equal(["validate", "build", "swap"], errors.Trim().Split('\n').Select(line => line.Trim().Split(' ')[0]));
        Assert.StartsWith("c000001 committed: add law, revision 0 -> 1, by ada\n", output, StringComparison.Ordinal);
        Assert.Contains(
            "requests     2 went on without it (1 caught up on other experts), 1 ended: they asked for it; the engine paused 2 ms\n",
            output, StringComparison.Ordinal);
        Assert.Contains("note         prepacked weights follow\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_not_here_is_sent_as_it_is()
    {
        await ExpertsRun.On(_server, null, "add", "experts/law", "--name", "law", "--reason", "in demand");
        Assert.Equal("experts/law", _server.Registry.LastAddition!.Directory);
        Assert.Equal($"{Environment.UserName}@{Environment.MachineName}", _server.Registry.LastAddition.By.Author);
        Assert.Null(_server.Registry.LastAddition.Parents);
    }

    [Fact]
    public async Task A_script_that_is_run_again_finds_its_expert_served()
    {
        string[] add = ["add", "experts/law", "--name", "law", "--unless-served", "--reason", "in demand"];
        Assert.StartsWith("c000001 committed", (await ExpertsRun.On(_server, null, add)).Output, StringComparison.Ordinal);
        var (code, output, _) = await ExpertsRun.On(_server, null, add);
        Assert.Equal(0, code);
        Assert.EndsWith("experts/law already; nothing was changed\n", output, StringComparison.Ordinal);
        Assert.Equal(1, _server.Registry.State.Revision);
    }

    [Fact]
    public async Task A_reason_is_asked_for_and_needed()
    {
        Assert.Equal((1,
            "error: --reason is missing; say why the change is made, for example --reason \"the licence of its text ended\"\n"),
            Ending(await ExpertsRun.On(_server, null, "add", "x", "--name", "law")));
        Assert.Equal(1, (await ExpertsRun.On(_server, "  ", "add", "x", "--name", "law")).Code);
        Assert.Equal(0, (await ExpertsRun.On(_server, "typed", "add", "x", "--name", "law")).Code);
        Assert.Equal("typed", _server.Registry.LastAddition!.By.Reason);
    }

    [Fact]
    public async Task Averages_are_made_in_three_ways_and_dropped()
    {
        var sample = _server.Disk["letters.txt"];
        await File.WriteAllTextAsync(sample, "Dear Sir", TestContext.Current.CancellationToken);
        Assert.Equal(0,
            (await ExpertsRun.On(_server, null, "averages", "create", "prose", "--weights", "novels=3, german=1", "--reason", "r")).Code);
        Assert.Equal([("novels", 3), ("german", 1)], _server.Registry.LastAverage!.Weights!.Select(w => (w.Key, w.Value)));
        Assert.Equal(0, (await ExpertsRun.On(_server, null, "averages", "create", "tales", "--domain", "novels", "--reason", "r")).Code);
        Assert.Equal("novels", _server.Registry.LastAverage.Domain);
        Assert.Equal(0, (await ExpertsRun.On(_server, null, "averages", "create", "letters", "--sample", sample, "--reason", "r")).Code);
        Assert.Equal("Dear Sir", _server.Registry.LastAverage.Sample);
        var list = (await ExpertsRun.On(_server, null, "averages", "list")).Output.Trim().Split('\n');
        Assert.Equal("NAME     WEIGHTS                                    FROM", list[0]);
        Assert.Equal("prose    novels 0.7500 german 0.2500                chosen weights", list[1]);
        Assert.Equal("tales    novels 0.5000 python 0.2500 german 0.2500  the prior of novels", list[2]);
        Assert.Equal(0, (await ExpertsRun.On(_server, null, "averages", "drop", "tales", "--reason", "r")).Code);
        Assert.Equal((1, "error: no average \"tales\"; there is prose, letters\n"),
            Ending(await ExpertsRun.On(_server, null, "averages", "drop", "tales", "--reason", "r")));
    }

    [Fact]
    public async Task The_result_can_be_json()
    {
        var run = await ExpertsRun.On(_server, null, "averages", "create", "tales", "--domain", "novels", "--reason", "r", "--json", "-");
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("c000001", json.RootElement.GetProperty("change").GetProperty("id").GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("certificate").ValueKind);
    }

    [Fact]
    public async Task A_failed_change_is_one_line_and_exit_code_1()
    {
        _server.Registry.Failure = new Model.BtxException("x/model.safetensors: tensor a holds NaN");
        var run = await ExpertsRun.On(_server, null, "add", "x", "--name", "law", "--reason", "r");
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.EndsWith("error: x/model.safetensors: tensor a holds NaN\n", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--parent novels: expected NAME=VALUE", "add", "x", "--name", "law", "--parent", "novels", "--reason", "r")]
    [InlineData("--parent novels=-1: expected a weight of 0 or more", "add", "x", "--name", "law", "--parent", "novels=-1",
        "--reason", "r")]
    [InlineData("--parent names novels twice", "add", "x", "--name", "law", "--parent", "novels=1", "--parent", "novels=1",
        "--reason", "r")]
    [InlineData("--sample /nowhere/x: cannot be read", "add", "x", "--name", "law", "--sample", "law=/nowhere/x", "--reason", "r")]
    [InlineData("name \"L A W\" is not a name", "add", "x", "--name", "L A W", "--reason", "r")]
    [InlineData("none of --weights, --domain and --sample is given", "averages", "create", "a", "--reason", "r")]
    [InlineData("--weights and --domain of --weights, --domain and --sample is given; choose exactly one", "averages", "create", "a",
        "--weights", "novels=1", "--domain", "novels", "--reason", "r")]
    [InlineData("--weights novels=x: expected a weight", "averages", "create", "a", "--weights", "novels=x", "--reason", "r")]
    [InlineData("there is no change to roll back", "rollback", "--reason", "r")]
    public async Task Bad_input_is_one_line(string message, params string[] arguments)
    {
        var run = await ExpertsRun.On(_server, null, arguments);
        Assert.Equal(1, run.Code);
        Assert.Contains(message, run.Errors, StringComparison.Ordinal);
        Assert.Equal(0, _server.Registry.State.Revision);
    }

    [Fact]
    public async Task Missing_arguments_are_wrong_usage()
    {
        foreach (var arguments in new string[][] { ["add", "x"], ["add"], ["remove"], ["averages"], ["verify"], ["show"] })
            Assert.Equal(2, (await ExpertsRun.On(_server, null, arguments)).Code);
    }

    private static (int Code, string Errors) Ending((int Code, string Output, string Errors) run) => (run.Code, run.Errors);
}
