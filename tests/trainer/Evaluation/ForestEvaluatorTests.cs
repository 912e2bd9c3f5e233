using System.Text.Json;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Corpora;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using Spectre.Console;
using TorchSharp;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class ForestEvaluatorTests
{
    private static EvaluationOptions Options(EvaluationWorld world) => new() { Forest = world.Forest, Corpus = world.Corpus, Parallel = 2 };

    private static EvaluationReport Run(EvaluationOptions options) => new ForestEvaluator(options).Run(torch.CPU, _ => { });

    private static string Problem(EvaluationOptions options)
    {
        var message = Assert.Throws<BtxException>(() => new ForestEvaluator(options)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void A_model_that_knows_nothing_costs_log2_of_the_vocabulary_a_token()
    {
        using var world = new EvaluationWorld(experts: 1);
        var report = Run(Options(world).With("seed", world.UniformModel()) with { Modes = ["seed"] });
        Assert.Equal(["alpha", "beta", "other"], report.Domains.Select(d => d.Name));
        foreach (var domain in report.Domains)
        {
            Assert.Equal(Math.Log2(320) * domain.Tokens / domain.Bytes, domain.BitsPerByte("seed"), 1e-5);
            Assert.Equal(320, domain.Perplexity("seed"), 1e-2);
        }
    }

    [Fact]
    public void Every_mode_is_what_the_experts_log_probabilities_make_it()
    {
        using var world = new EvaluationWorld();
        var options = Options(world).With("seed", world.Expert("alpha")).With("dense", world.Expert("beta"));
        var report = Run(options);
        var scorer = ForestScorer.Open(world.Forest, torch.CPU);
        Assert.Equal(EvaluationModes.Default(3, ["seed", "dense"])
            .SelectMany(m => m == "experts" ? scorer.Experts.Select(e => $"expert:{e}") : [m]), report.Modes);
        var tokenizer = Model.Tokens.TextTokenizer.Load(world.Expert("alpha"));
        var corpus = CorpusDirectory.Open(world.Corpus);
        foreach (var domain in report.Domains)
        {
            var sequences = SequencePacker.Pack(corpus.Read(domain.Name, CorpusSplit.Test).Select(d => d.Text), tokenizer, 128);
            var experts = scorer.LogProbs(sequences);
            double Total(Routing routing) =>
                sequences.Select((s, i) => scorer.Score(s, [.. experts.Select(e => e[i])], routing).Sum()).Sum();
            void Equal(string mode, double expected) => Assert.InRange(domain.LogProb[mode] / expected, 1 - 1e-6, 1 + 1e-6);

            Equal("expert:gamma", experts[2].Sum(s => s.Sum()));
            Equal("seed", domain.LogProb["expert:alpha"]);
            Equal("dense", domain.LogProb["expert:beta"]);
            Equal("ensemble", Total(new()));
            Equal("ensemble:last_token", Total(new() { Posterior = PosteriorKind.LastToken }));
            Equal("ensemble:switching", Total(new() { Posterior = PosteriorKind.Switching }));
            Equal("top_2", Total(new() { Mode = RoutingMode.TopK, K = 2, Select = SelectForm.PerToken }));
            Equal("top_p=0.9", Total(new() { Mode = RoutingMode.TopP, P = 0.9, Select = SelectForm.PerToken }));
            Equal("average:uniform", Total(new() { Mode = RoutingMode.Average }));
            Assert.Equal(domain.LogProb["ensemble"], domain.LogProb["top_3"]);
            Assert.Equal(domain.LogProb[$"expert:{report.Experts[Array.IndexOf(domain.Prior.Weights, domain.Prior.Weights.Max())]}"],
                domain.LogProb["average:argmax"]);
            Assert.Equal(1, domain.Prior.Weights.Sum(), 1e-9);
            Assert.False(domain.Prior.Recorded);
        }
    }

    [Fact]
    public void A_probe_is_judged_by_the_text_that_it_chose_for()
    {
        using var world = new EvaluationWorld();
        var report = Run(Options(world) with
        { Modes = ["top_1:probe=9", "top_2:probe=9", "top_1:probe=500", "top_3:probe=9", "ensemble"] });
        var scorer = ForestScorer.Open(world.Forest, torch.CPU);
        var corpus = CorpusDirectory.Open(world.Corpus);
        foreach (var (own, domain) in report.Domains.Index().Take(2))
        {
            var sequences = SequencePacker.Pack(corpus.Read(domain.Name, CorpusSplit.Test).Select(d => d.Text),
                Model.Tokens.TextTokenizer.Load(world.Expert("alpha")), 128);
            var experts = scorer.LogProbs(sequences);
            double right = 0, logProb = 0, longer = 0;
            for (var i = 0; i < sequences.Count; i++)
            {
                double[] seen = [.. experts.Select(e => e[i].Take(8).Sum())]; // of 9 tokens the first is predicted by none
                var best = Array.IndexOf(seen, seen.Max());
                if (sequences[i].Length > 9) (right, longer) = (right + (best == own ? 1 : 0), longer + 1);
                logProb += experts[best][i].Skip(8).Sum()
                    + scorer.Score(sequences[i], [.. experts.Select(e => e[i])], new()).Take(8).Sum();
            }

            right /= longer;
            Assert.Equal(right, domain.RightExpert["top_1:probe=9"], 1e-9);
            Assert.InRange(domain.LogProb["top_1:probe=9"] / logProb, 1 - 1e-6, 1 + 1e-6);
            Assert.InRange(domain.RightExpert["top_2:probe=9"], right, 1);
            Assert.Equal(1, domain.RightExpert["top_3:probe=9"]);
            Assert.DoesNotContain("top_1:probe=500", domain.RightExpert.Keys); // no sequence is so long
            Assert.Equal(domain.LogProb["ensemble"], domain.LogProb["top_1:probe=500"]);
        }

        Assert.Empty(report.Domains[2].RightExpert); // no expert is of that domain
    }

    [Fact]
    public void One_expert_alone_is_the_whole_forest()
    {
        using var world = new EvaluationWorld(experts: 1);
        foreach (var domain in Run(Options(world)).Domains)
        {
            foreach (var (mode, logProb) in domain.LogProb) Assert.InRange(logProb / domain.LogProb["expert:alpha"], 1 - 1e-6, 1 + 1e-6);
        }
    }

    [Fact]
    public void Compared_models_are_rows_of_their_own()
    {
        using var world = new EvaluationWorld();
        var report = Run(Options(world) with
        {
            Models = [new("knows-nothing", world.UniformModel()),
            new("same-as-beta", world.Expert("beta"))],
            Modes = ["models", "expert:beta"]
        });
        Assert.Equal(["knows-nothing", "same-as-beta", "expert:beta"], report.Modes);
        Assert.All(report.Domains, d => Assert.Equal(d.LogProb["expert:beta"], d.LogProb["same-as-beta"]));
        Assert.All(report.Domains, d => Assert.Equal(320, d.Perplexity("knows-nothing"), 1e-2));
    }

    [Fact]
    public void A_mixture_of_one_experts_copies_is_that_expert_with_any_k()
    {
        using var world = new EvaluationWorld();
        var moe = world.Upcycled("beta", 3, 2);
        var report = Run(Options(world) with
        {
            Models = [new("moe", moe), new("mixtral", moe)],
            Modes = ["moe", "moe:k=1", "moe:k=3", "mixtral", "expert:beta"]
        });
        foreach (var domain in report.Domains)
        {
            foreach (var (mode, logProb) in domain.LogProb) Assert.InRange(logProb / domain.LogProb["expert:beta"], 1 - 1e-5, 1 + 1e-5);
        }

        var (feedForward, layers) = (3L * 64 * 160, 2);
        Assert.Equal(report.Compute["expert:beta"].ActiveParameters + (layers * (feedForward + (3 * 64))),
            report.Compute["moe"].ActiveParameters);
        Assert.Equal(layers * feedForward, report.Compute["moe:k=3"].ActiveParameters - report.Compute["mixtral"].ActiveParameters);
        Assert.Contains("1..3", Problem(Options(world).With("moe", moe) with { Modes = ["moe:k=4"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void More_experts_than_one_are_routed_and_k_matters()
    {
        using var world = new EvaluationWorld();
        var directory = Path.Combine(world.Root, "mixture");
        Directory.CreateDirectory(directory);
        TinyForest.WriteTokenizer(directory);
        using (var model = new LlamaModel(TinyForest.DefaultConfig with { Moe = new(4, 2) }, torch.CPU).Init(3))
            LlamaCheckpoint.Save(model, directory);
        var options = Options(world).With("moe", directory);
        var report = Run(options with { Modes = ["moe", "moe:k=1", "moe:k=2", "moe:k=4"], Domains = ["alpha"] });
        var logProb = report.Domains[0].LogProb;
        Assert.Equal(logProb["moe"], logProb["moe:k=2"]);
        Assert.Equal(3, logProb.Values.Distinct().Count());
        using var one = LlamaCheckpoint.Load(directory, torch.CPU, 1);
        var sequences = SequencePacker.Pack(CorpusDirectory.Open(world.Corpus).Read("alpha", CorpusSplit.Test).Select(d => d.Text),
            Model.Tokens.TextTokenizer.Load(directory), 128);
        Assert.InRange(TextScorer.LogProbs(one, sequences).Sum(s => s.Sum()) / logProb["moe:k=1"], 1 - 1e-9, 1 + 1e-9);
    }

    [Fact]
    public void A_recorded_prior_serves_and_one_hot_weights_give_that_expert()
    {
        using var world = new EvaluationWorld();
        var manifest = ForestManifest.Load(world.Forest);
        var prior = new Dictionary<string, double> { ["alpha"] = 0, ["beta"] = 0, ["gamma"] = 1 };
        (manifest with { Experts = [.. manifest.Experts.Select(e => e.Name == "beta" ? e with { Prior = prior } : e)] }).Save(world.Forest);
        var report = Run(Options(world) with
        {
            Domains = ["beta", "other"],
            Modes = ["experts", "ensemble:fixed", "average:posterior", "average:argmax"]
        });
        Assert.Equal([true, false], report.Domains.Select(d => d.Prior.Recorded));
        Assert.Equal([0, 0, 1], report.Domains[0].Prior.Weights);
        var gamma = report.Domains[0].LogProb["expert:gamma"];
        Assert.Equal(gamma, report.Domains[0].LogProb["ensemble:fixed"], 1e-6 * Math.Abs(gamma));
        Assert.Equal(gamma, report.Domains[0].LogProb["average:argmax"]);
        Assert.Equal(gamma, report.Domains[0].LogProb["average:posterior"], 1e-6 * Math.Abs(gamma));
    }

    [Fact]
    public void The_estimated_prior_leans_to_the_expert_that_knows_the_text()
    {
        double[][] good = [[-1, -1], [-2]], bad = [[-9, -9], [-9]];
        var prior = TargetPrior.Estimate([bad, good]);
        var w1 = 1 / (1 + Math.Exp(-16));
        var w2 = 1 / (1 + Math.Exp(-7));
        Assert.Equal((0.7 * ((0.7 * 0.5) + (0.3 * w1))) + (0.3 * w2), prior.Weights[1], 1e-12);
    }

    [Fact]
    public void Experts_that_are_quarantined_or_gone_are_left_out()
    {
        using var world = new EvaluationWorld();
        var manifest = ForestManifest.Load(world.Forest);
        (manifest with
        {
            Experts = [
            .. manifest.Experts.Select(e => e.Name == "alpha" ? e with { Status = ExpertStatus.Quarantined } : e)]
        }).Save(world.Forest);
        Assert.Equal(["beta", "gamma"], Run(Options(world) with { Modes = ["ensemble"], Domains = ["alpha"] }).Experts);
        Directory.Delete(Path.Combine(world.Forest, manifest.Expert("beta").Path), recursive: true); // as a purge leaves it
        Assert.Equal(["gamma"], Run(Options(world) with { Modes = ["ensemble"], Domains = ["alpha"] }).Experts);
    }

    [Fact]
    public void Progress_adds_up_to_the_total()
    {
        using var world = new EvaluationWorld();
        var evaluator = new ForestEvaluator(Options(world).With("seed", world.Expert("beta")));
        long done = 0;
        evaluator.Run(torch.CPU, n => Interlocked.Add(ref done, n));
        Assert.Equal(evaluator.TotalTokens, done);
    }

    [Fact]
    public void The_limit_the_context_and_the_split_are_kept()
    {
        using var world = new EvaluationWorld(experts: 1);
        var whole = Run(Options(world) with { Modes = ["ensemble"], MaxTokensPerDomain = 0 });
        var some = Run(Options(world) with { Modes = ["ensemble"], MaxTokensPerDomain = 100, Context = 16 });
        var other = Run(Options(world) with { Modes = ["ensemble"], MaxTokensPerDomain = 0, Split = CorpusSplit.Validation });
        Assert.All(some.Domains, d => Assert.InRange(d.Tokens, 1, 100));
        Assert.All(whole.Domains, d => Assert.True(d.Tokens > 300, "the world is too small for this test"));
        Assert.Equal(16, some.Context);
        Assert.NotEqual(whole.Domains[0].Bytes, other.Domains[0].Bytes);
    }
}
