using System.CommandLine;
using System.Text.Json;
using Btx.LoadTests.Comparing;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Comparing;
using Btx.LoadTests.Verbs;

namespace Btx.LoadTests.Tests.Verbs;

public sealed class CompareVerbTests : IDisposable
{
    private readonly PlantedRun _first = new(PlantedRun.Grid(1)), _second = new(PlantedRun.Grid(2, _ => 1.5));

    private static (int Exit, string Output) Run(params string[] arguments)
    {
        var output = new StringWriter();
        var exit = CompareVerb.Create().Parse(arguments)
            .Invoke(new InvocationConfiguration { Output = output, Error = output, EnableDefaultExceptionHandler = false });
        return (exit, output.ToString());
    }

    [Fact]
    public void It_ends_with_1_only_where_it_is_asked_to()
    {
        var (exit, text) = Run(_first.Path, _second.Path);
        Assert.Equal(0, exit);
        Assert.Contains("\nworse  top_k-k1-c1-fp32", text);
        Assert.Equal(1, Run(_first.Path, _second.Path, "--fail-on", "worse").Exit);
        Assert.Equal(0, Run(_second.Path, _first.Path, "--fail-on", "worse").Exit);
        Assert.Equal(0, Run(_first.Path, _first.Path, "--fail-on", "worse").Exit);
    }

    [Fact]
    public void Its_json_holds_every_comparison()
    {
        var (exit, text) = Run(_first.Path, _second.Path, "--json", "-");
        var read = JsonSerializer.Deserialize<RunComparison>(text, RunJson.Line)!;
        Assert.Equal(0, exit);
        Assert.Equal(RunComparer.Compare(MeasuredRun.Load(_first.Path), MeasuredRun.Load(_second.Path)).Changes.Count, read.Changes.Count);
        Run(_first.Path, _second.Path, "--json", _first.At("changes.json"));
        Assert.Equivalent(read, RunJson.Read<RunComparison>(_first.At("changes.json")), strict: true);
        Assert.StartsWith($"--json {_first.At("no/where.json")} cannot be written",
            Assert.Throws<LoadTestException>(() => Run(_first.Path, _second.Path, "--json", _first.At("no/where.json"))).Message);
    }

    [Fact]
    public void A_damaged_line_is_left_out_and_named()
    {
        var lines = File.ReadAllLines(_first.At(RunDirectory.Points));
        lines[3] = lines[3][..60];
        File.WriteAllLines(_first.At(RunDirectory.Points), lines);
        var (exit, text) = Run(_first.Path, _second.Path);
        Assert.Equal(0, exit);
        Assert.Contains($"left out: {_first.At(RunDirectory.Points)}, line 4 cannot be read", text);
        Assert.Equal(lines.Length - 1, MeasuredRun.Load(_first.Path).Points.Count);
    }

    [Theory]
    [InlineData("--tolerance", "-1", "--tolerance -1: expected 0 to below 100")]
    [InlineData("--tolerance", "NaN", "--tolerance NaN: expected 0 to below 100")]
    [InlineData("--metrics", ",", "--metrics: there is no \"\"; there are")]
    [InlineData("--metrics", "speed", "--metrics: there is no \"speed\"; there are")]
    public void Nonsense_is_refused(string option, string value, string message) =>
        Assert.StartsWith(message, Assert.Throws<LoadTestException>(() => Run(_first.Path, _second.Path, option, value)).Message);

    [Fact]
    public void Words_that_it_does_not_know_are_wrong_usage()
    {
        Assert.NotEmpty(CompareVerb.Create().Parse([_first.Path]).Errors);
        Assert.NotEmpty(CompareVerb.Create().Parse([_first.Path, _second.Path, "--fail-on", "better"]).Errors);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}
