using System.Text.Json;
using Btx.Model;
using Btx.Trainer.Evaluation;
using Spectre.Console;
using TorchSharp;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class EvaluationReportTests
{
    private static EvaluationOptions Options(EvaluationWorld world) => new() { Forest = world.Forest, Corpus = world.Corpus, Parallel = 2 };

    private static EvaluationReport Run(EvaluationOptions options) => new ForestEvaluator(options).Run(torch.CPU, _ => { });

    [Fact]
    public void The_report_has_the_agreed_fields()
    {
        using var world = new EvaluationWorld();
        var report = Run(Options(world).With("seed", world.Expert("alpha")).With("dense", world.Expert("beta")));
        using var json = JsonDocument.Parse(report.ToJson());
        var root = json.RootElement;
        foreach (var domain in new[] { "alpha", "beta", "other" })
        {
            foreach (var mode in new[] { "seed", "dense", "expert:alpha", "ensemble", "ensemble:last_token", "top_1", "top_2",
                "average:uniform", "average:posterior" })
            {
                Assert.Equal(report.Domains.Single(d => d.Name == domain).BitsPerByte(mode),
                    root.GetProperty("bits_per_byte").GetProperty(domain).GetProperty(mode).GetDouble());
                Assert.True(root.GetProperty("perplexity").GetProperty(domain).GetProperty(mode).GetDouble() > 1);
            }

            Assert.Equal(1, root.GetProperty("priors").GetProperty(domain).EnumerateObject().Sum(p => p.Value.GetDouble()), 1e-9);
        }

        Assert.Equal("per_token", root.GetProperty("form").GetProperty("select").GetString());
        Assert.Equal(128, root.GetProperty("form").GetProperty("context").GetInt32());
        Assert.Equal("eval", root.GetProperty("domains").GetProperty("other").GetProperty("role").GetString());
        var mean = root.GetProperty("mean").GetProperty("bits_per_byte").GetProperty("train").GetProperty("ensemble").GetDouble();
        Assert.Equal(report.Domains.Where(d => d.Name != "other").Average(d => d.BitsPerByte("ensemble")), mean, 1e-12);
    }

    [Fact]
    public void The_table_names_every_domain_and_mode_stars_the_best_and_states_the_form()
    {
        using var world = new EvaluationWorld();
        var report = Run(Options(world));
        using var text = new StringWriter();
        EvaluationTable.Write(report,
            AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) }));
        var lines = text.ToString().Split('\n');
        Assert.All(lines, l => Assert.InRange(l.Length, 0, l.StartsWith(' ') ? 120 : 1000)); // notes may be longer
        foreach (var mode in report.Modes)
            Assert.InRange(lines.Count(l => l.Trim().StartsWith(mode + " ", StringComparison.Ordinal)), 2, 3);
        Assert.Contains(lines, l => l.Contains("alpha", StringComparison.Ordinal) && l.Contains("other", StringComparison.Ordinal)
            && l.Contains("mean", StringComparison.Ordinal));
        var best = report.Domains[0].LogProb.Max(p => p.Value);
        var winner = report.Domains[0].LogProb.First(p => p.Value == best).Key;
        Assert.Contains(lines,
            l => l.Trim().StartsWith(winner + " ", StringComparison.Ordinal) && l.Contains('*', StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("per_token", StringComparison.Ordinal));
        Assert.DoesNotContain('\u001b', text.ToString());
    }

    [Fact]
    public void The_picture_is_svg_with_every_name()
    {
        using var world = new EvaluationWorld(experts: 2);
        var svg = Run(Options(world)).ToSvg();
        Assert.StartsWith("<svg", svg, StringComparison.Ordinal);
        foreach (var name in new[] { "alpha", "other", "expert:beta", "average:posterior" })
            Assert.Contains(name, svg, StringComparison.Ordinal);
    }

    [Fact]
    public void The_baselines_record_is_shown()
    {
        using var world = new EvaluationWorld(experts: 1);
        var dense = world.UniformModel();
        File.WriteAllText(Path.Combine(dense, "run.json"), "{\"tokens\":1200000,\"settings\":{\"learning_rate\":0.008}}");
        File.WriteAllText(Path.Combine(dense, "lr_sweep.json"),
            "{\"validation_bits_per_byte\":{\"0.004\":2.25,\"0.008\":2.2},\"best\":0.008}");
        TrainingBudget Read() => TrainingBudget.Read(EvaluatedModels.Open(world.Forest, new ComparedModel("dense", dense)));
        var budget = Read();
        Assert.Equal((1_200_000, 0.008, 2.2), (budget.DenseTokens, budget.DenseLearningRate, budget.DenseSweep["0.008"]));
        Assert.Contains("0.004 → 2.250", string.Join('\n', budget.Lines()), StringComparison.Ordinal);
        File.Delete(Path.Combine(dense, "lr_sweep.json"));
        Assert.Contains("not swept", string.Join('\n', Read().Lines()), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(dense, "run.json"), "[");
        Assert.Throws<BtxException>(Read);
    }
}
