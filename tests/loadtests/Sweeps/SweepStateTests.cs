using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class SweepStateTests : IDisposable
{
    private static readonly Dictionary<string, string> Asked = new() { ["--k"] = "1..4", ["--seed"] = "1" };
    private static readonly Dictionary<string, string> Served = new() { ["fp32"] = "forest of ada bob" };
    private static readonly PointSettings Settings = new("ensemble", 3, "closed", 1, null, "fp32", new Dictionary<string, string>());
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"btx-sweep-{Guid.NewGuid():N}");

    private string PointsFile => Path.Combine(_directory, RunDirectory.Points);

    [Fact]
    public void The_same_command_goes_on_with_what_is_measured()
    {
        using (var state = Open(Asked))
        {
            state.Add(Result(0));
            state.Add(Result(1));
        }

        using var again = Open(Asked);
        Assert.True(again.Has(new(Settings, 1, 9, false)));
        Assert.False(again.Has(new(Settings, 1, 9, true)));
        Assert.False(again.Has(new(Settings, 2, 9, false)));
        Assert.Equal([0, 1], again.Results.Select(r => r.Repeat));
    }

    [Fact]
    public void Another_command_is_refused_and_the_difference_named()
    {
        Open(Asked).Dispose();
        var changed = new Dictionary<string, string>(Asked) { ["--k"] = "1..8", ["--rate"] = "2" };
        var message = Assert.Throws<LoadTestException>(() => Open(changed)).Message;
        Assert.Contains("--k was \"1..4\", is \"1..8\"; --rate was not given, is \"2\"", message, StringComparison.Ordinal);
        Assert.Contains("--out", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_forest_is_refused()
    {
        Open(Asked).Dispose();
        using var state = SweepState.Open(_directory, Asked);
        var message = Assert.Throws<LoadTestException>(() =>
            state.RequireServed(new Dictionary<string, string> { ["fp32"] = "forest of ada" })).Message;
        Assert.Contains("served fp32 was \"forest of ada bob\", is \"forest of ada\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_a_crash_cut_off_goes_and_the_next_one_is_whole()
    {
        using (var state = Open(Asked)) state.Add(Result(0));
        File.AppendAllText(PointsFile, "{\"settings\":{\"mode\":\"ens");
        using (var state = Open(Asked))
        {
            Assert.Single(state.Results);
            state.Add(Result(1));
        }

        Assert.Equal([0, 1], RunJson.ReadLines<PointResult>(PointsFile).Select(r => r.Repeat));
        Assert.EndsWith("}\n", File.ReadAllText(PointsFile), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_line_is_refused_with_the_remedy()
    {
        using (var state = Open(Asked)) state.Add(Result(0));
        var whole = File.ReadAllText(PointsFile);
        foreach (var damaged in new[] { "{\"settings\":{\"mode\":\"ens\n",
            whole.Replace("\"concurrency\":1", "\"concurrency\":0", StringComparison.Ordinal) })
        {
            File.WriteAllText(PointsFile, whole + damaged + whole);
            var message = Assert.Throws<LoadTestException>(() => Open(Asked)).Message;
            Assert.Contains($"{PointsFile}, line 2", message, StringComparison.Ordinal);
            Assert.EndsWith("take the line out, and the same command measures it again", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void One_program_at_a_time()
    {
        using var state = Open(Asked);
        Assert.Contains("another sweep is at work", Assert.Throws<LoadTestException>(() => SweepState.Open(_directory, Asked)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_was_no_sweep_is_left_alone()
    {
        Directory.CreateDirectory(_directory);
        File.WriteAllText(PointsFile, "");
        Assert.Contains("was no sweep", Assert.Throws<LoadTestException>(() => SweepState.Open(_directory, Asked)).Message,
            StringComparison.Ordinal);
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }

    private static PointResult Result(int repeat) => new(Settings: Settings, Repeat: repeat, Order: repeat,
        Started: DateTimeOffset.UnixEpoch,
        Summary: new(Seconds: 1, Requests: 1, Failed: 0, Statuses: new Dictionary<string, int> { ["ok"] = 1 }, PromptTokens: 1,
            CompletionTokens: 1, TokensPerSecond: 1, RequestsPerSecond: 1, OfferedPerSecond: 1));

    private SweepState Open(IReadOnlyDictionary<string, string> asked)
    {
        var state = SweepState.Open(_directory, asked);
        state.RequireServed(Served);
        return state;
    }
}
