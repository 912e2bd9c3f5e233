using System.Text.Json.Nodes;
using Btx.Trainer.Runs;
using Btx.Trainer.Tests.Phases;

namespace Btx.Trainer.Tests.Runs;

public sealed class ReproductionTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("btx-reproduction-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void Every_baseline_gets_the_compute_that_btx_gets()
    {
        var commands = Plan().ToDictionary(s => s.Name, s => string.Join(' ', s.Command));
        // 279,744 parameters are active in a dense model, 379,584 in a BTX model with two of four experts.
        Assert.Contains("--tokens 1539000", commands["s1/dense"]); // 600 k + 4 x 150 k + 250 k x 379,584 / 279,744
        Assert.Contains("--tokens 339000", commands["s1/average-tuned"]);
        Assert.Contains("--tokens 939000", commands["s1/continued"]);
        Assert.Contains("--tokens 692000", commands["s1/upcycled"]); // 250 k + 600 k x 279,744 / 379,584
        Assert.Contains("--min-lr 0 --lr 0.008 --freeze shared", commands["s1/shared-round"]);
        Assert.Contains("--modes seed,dense,models,moe,moe:k=1,moe:k=4,", commands["s1/evaluation"]);
        Assert.DoesNotContain(Plan(skip: ["dense"]), s => s.Name == "s1/dense" || s.CommandLine.Contains("--dense"));
    }

    [Fact]
    public void An_evaluation_comes_after_every_model_that_it_measures()
    {
        foreach (var stage in Plan(ablations: true).Where(s => s.Command[1] == "evaluate"))
            foreach (var model in Plan(ablations: true).Where(s => stage.CommandLine.Split(' ', '=').Contains(Path.Combine(root, s.Name))))
                Assert.True(After(stage.Name).Contains(model.Name), $"{stage.Name} measures {model.Name} and does not wait for it");

        HashSet<string> After(string name)
        {
            var after = Plan(ablations: true).Single(s => s.Name == name).After;
            return [.. after, .. after.SelectMany(After)];
        }
    }

    [Fact]
    public void Tables_show_mean_and_range_over_the_runs_and_count_the_wins()
    {
        var reports = new[] { (1.0, 2.0, ""), (1.5, 1.8, "shared:"), (1.2, 2.2, ""), (1.4, 2.4, "shared:") }.Select((v, i) =>
        {
            var file = Path.Combine(root, $"{i}.json");
            File.WriteAllText(file, $$$"""
                {"bits_per_byte": {"ants": {"moe": {{{v.Item1}}}, "dense": {{{v.Item2}}}, "expert:ants": 9}},
                 "mean": {"bits_per_byte": {"train": {"moe": {{{v.Item1}}}, "dense": {{{v.Item2}}} } } },
                 "compute": {"moe": {"tokens": 1450240, "flops": 2.58e12, "active_parameters": 379584},
                             "dense": {"tokens": 600064, "flops": 1e12} } }
                """);
            return (v.Item3, file);
        });
        var json = Path.Combine(root, "out.json");
        string[] expected = ["", "| model | ants | mean | range of the mean | tokens | FLOPs | active |", "|---|---|---|---|---|---|---|",
            "| moe | 1.100 | 1.100 | 1.000..1.200 | 1.45 M | 2.58e+12 | 380 k |",
            "| dense | 2.100 | 2.100 | 2.000..2.200 | 600 k | 1.00e+12 | varies |",
            "| shared:moe | 1.450 | 1.450 | 1.400..1.500 | 1.45 M | 2.58e+12 | 380 k |",
            "| shared:dense | 2.100 | 2.100 | 1.800..2.400 | 600 k | 1.00e+12 | varies |",
            "", "| margin of moe over | ants | mean | better in |", "|---|---|---|---|",
            "| dense | 1.000 (1.000..1.000) | 1.000 (1.000..1.000) | 2 of 2 |",
            "", "| margin of shared:moe over | ants | mean | better in |", "|---|---|---|---|",
            "| moe | -0.350 (-0.500..-0.200) | -0.350 (-0.500..-0.200) | 0 of 2 |",
            "| dense | 0.650 (0.500..0.800) | 0.650 (0.500..0.800) | 2 of 2 |",
            "| shared:dense | 0.650 (0.300..1.000) | 0.650 (0.300..1.000) | 2 of 2 |"];
        Assert.Equal(expected, new ReproductionTables(reports).Lines(json));
        Assert.Equal(1.5, JsonNode.Parse(File.ReadAllText(json))!["bits_per_byte"]!["shared:moe"]!["ants"]!["max"]!.GetValue<double>());
    }

    [Theory]
    [InlineData("--colour", "--colour")]
    [InlineData("--random-seed x: expected whole numbers", "--random-seed", "1,x")]
    [InlineData("--domains a: at least two are needed", "--domains", "a")]
    [InlineData("--domains 3: expected 4, 8 or a list of names", "--domains", "3")]
    [InlineData("--dir \"\": expected DIR", "--dir", "")]
    [InlineData("--corpus \"\": expected DIR", "--corpus", "")]
    [InlineData("--skip seed: choose of dense, continued, upcycled-tune, mix-random", "--skip", "seed")]
    [InlineData("--skip mix-random: --ablations needs it", "--skip", "mix-random", "--ablations")]
    public async Task A_command_line_that_cannot_be_read_is_wrong_usage(string message, params string[] arguments)
    {
        var (code, _, errors) = await TinyWorld.RunAsync(["reproduce", .. arguments]);
        Assert.Equal(2, code);
        Assert.StartsWith("error: ", errors);
        Assert.Contains(message, errors);
    }

    [Fact]
    public async Task A_dry_run_prints_each_stage_and_makes_nothing()
    {
        var (code, output, errors) = await TinyWorld.RunAsync(
            "reproduce", "--corpus", root, "--dir", Path.Combine(root, "runs"), "--random-seed", "7", "--dry-run");
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("s7/seed: lane train (2 at once, 1 cores each), after tokenizer\n  btx train seed "
            + $"--corpus {root} --domains novels,bible,python,german", output);
        Assert.False(Directory.Exists(Path.Combine(root, "runs")));
        Assert.Equal(2, (await TinyWorld.RunAsync(["demo", "--colour"])).Code);
        Assert.Equal((1, "", "error: --dir /dev/null: is a file; name a directory\n"),
            await TinyWorld.RunAsync("demo", "--dir", "/dev/null", "--dry-run"));
        Assert.Equal(1, (await TinyWorld.RunAsync("reproduce", "--corpus", root)).Code);
        Assert.Contains("btx demo removal", (await TinyWorld.RunAsync(["demo", "--dry-run", "--dir", root])).Output);
    }

    private IReadOnlyList<Stage> Plan(string[]? skip = null, bool ablations = false) => new Reproduction
    {
        Directory = root,
        Corpus = "corpus",
        Domains = ["novels", "bible", "python", "german"],
        Preset = "demo",
        Sweep = "4e-3,8e-3",
        RandomSeeds = ["1"],
        TuneTokens = 250_000,
        Skipped = skip ?? [],
        Ablations = ablations,
    }.Plan().Stages;
}
