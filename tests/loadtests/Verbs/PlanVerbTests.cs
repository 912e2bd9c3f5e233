using System.CommandLine;
using System.Text.Json;
using Btx.LoadTests.Planning;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Comparing;
using Btx.LoadTests.Tests.Planning;
using Btx.LoadTests.Verbs;

namespace Btx.LoadTests.Tests.Verbs;

public sealed class PlanVerbTests
{
    private const string Machine = "--bandwidth 3350 --memory 80 --devices 8";

    private static string Run(params string[] arguments)
    {
        var output = new StringWriter();
        var parsed = PlanVerb.Create().Parse(arguments);
        Assert.Empty(parsed.Errors);
        Assert.Equal(0,
            parsed.Invoke(new InvocationConfiguration { Output = output, Error = output, EnableDefaultExceptionHandler = false }));
        return output.ToString();
    }

    [Fact]
    public void A_plan_for_a_machine_as_text_and_as_json()
    {
        string[] arguments = $"--expert-parameters 125M --load 200 {Machine} --teraflops 900".Split(' ');
        var text = Run(arguments);
        foreach (var experts in new[] { 8, 64, 512 }) Assert.Contains($"\n{experts} experts of ", text);
        Assert.Contains("assumptions:", text);
        var document = JsonSerializer.Deserialize<PlanDocument>(Run([.. arguments, "--json", "-"]), RunJson.Line)!;
        Assert.Equal([8, 64, 512], document.Plan!.Forests.Select(f => f.Experts));
        Assert.Null(document.Check);
        Assert.All(document.Plan.Forests, f => Assert.Equal(f.Experts, f.Sharded!.Placement.SelectMany(d => d).Distinct().Count()));
    }

    [Fact]
    public void A_plan_from_a_run_and_a_check_of_it()
    {
        using var run = new PlantedRun(PlannedRuns.Points());
        var text = Run($"--run {run.Path} --fitted-parameters 1M --precision fp32 --experts 4,8 --load 5 --check {run.Path}".Split(' '));
        Assert.Contains("costs are fitted to 16 points", text);
        Assert.Contains("off by 0 % in the median, 0 % at most", text);
        Assert.StartsWith("checked against", Run("--check", run.Path));
    }

    [Theory]
    [InlineData("--load 50", "--bandwidth 3350 --memory 80", "--expert-parameters is missing")]
    [InlineData("--load 50 --expert-parameters 125M", "", "no machine to plan for")]
    [InlineData("--load 50 --expert-parameters 125M", "--memory 80", "--bandwidth is missing")]
    [InlineData("--load 50 --expert-parameters 125M --machine m.json", "--memory 80", "--machine and --bandwidth")]
    [InlineData("--load 50 --expert-parameters 125M --machine nowhere.json", "", "nowhere.json cannot be read")]
    [InlineData("--expert-parameters 125M", Machine, "--load is missing")]
    [InlineData("--load 0 --expert-parameters 125M", Machine, "--load is 0; expected a number above 0, to 1,000,000")]
    [InlineData("--load NaN --expert-parameters 125M", Machine, "--load is NaN")]
    [InlineData("--load 5 --expert-parameters lots", Machine, "--expert-parameters lots: expected")]
    [InlineData("--load 5 --expert-parameters 125M --experts 8,x", Machine, "--experts 8,x: \"x\" is no number")]
    [InlineData("--load 5 --expert-parameters 125M --experts 0", Machine, "--experts 0: ")]
    [InlineData("--load 5 --expert-parameters 125M --k 9", Machine, "--k is 9; expected a number above 0, to 8")]
    [InlineData("--load 5 --expert-parameters 125M --k 0", Machine, "--k is 0")]
    [InlineData("--load 5 --expert-parameters 125M --slots 0", Machine, "--slots is 0")]
    [InlineData("--load 5 --expert-parameters 125M --utilisation 1", Machine, "--utilisation is 1")]
    [InlineData("--load 5 --expert-parameters 125M --efficiency 2", Machine, "--efficiency is 2")]
    [InlineData("--load 5 --expert-parameters 125M --output-tokens -3", Machine, "--output-tokens is -3")]
    [InlineData("--load 5 --expert-parameters 125M --mix 1,2", Machine, "--mix 1,2: 2 weights for 8 experts")]
    [InlineData("--load 5 --expert-parameters 900B", Machine, "an expert takes")]
    [InlineData("--load 5 --run nowhere", "--fitted-parameters 1M", "nowhere: no such directory")]
    [InlineData("--load 5 --run nowhere", "", "--run needs --fitted-parameters")]
    [InlineData("--check nowhere", "", "nowhere: no such directory")]
    public void Nonsense_gets_one_line(string first, string second, string message)
    {
        var error = Assert.Throws<LoadTestException>(() =>
            Run($"{first} {second}".Split(' ', StringSplitOptions.RemoveEmptyEntries))).Message;
        Assert.StartsWith(message, error);
        Assert.DoesNotContain("\n", error);
    }
}
