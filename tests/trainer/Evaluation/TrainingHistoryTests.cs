using System.Text.Json;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class TrainingHistoryTests
{
    private static IReadOnlyDictionary<string, TrainingCompute> Read(EvaluationWorld world, string? seed = null,
        params ComparedModel[] models)
    {
        var opened = EvaluatedModels.Open(world.Forest, seed is null ? models : [new("seed", seed), .. models]);
        string[] names = [.. opened.Others.Select(m => m.Name)];
        return new TrainingHistory(opened).Of(
            EvaluationModes.Parse(EvaluationModes.Default(3, names), opened.Forest.Names, names, SelectForm.PerToken));
    }

    private static string Model(EvaluationWorld world, string name, int seed, object? run = null)
    {
        var directory = Path.Combine(world.Root, name);
        world.Fixture.WriteExpert(directory, seed);
        if (run is not null) File.WriteAllText(Path.Combine(directory, "run.json"), JsonSerializer.Serialize(run));
        return directory;
    }

    private static object Run(string phase, long tokens, params string[] parents) => new
    {
        phase,
        tokens,
        parents = parents.Select(p => new { name = "parent", weight = 1.0 / parents.Length, model = p, sha256 = CheckpointFiles.Hash(p) }),
        options = new Dictionary<string, string> { ["initial weights"] = parents.Length == 0 ? "random" : "1 parent" },
    };

    private static void BranchFromSeed(EvaluationWorld world)
    {
        var manifest = ForestManifest.Load(world.Forest);
        (manifest with { Experts = [.. manifest.Experts.Select(e => e with { Parents = [new("seed", 1)] })] }).Save(world.Forest);
    }

    [Fact]
    public void The_seed_of_three_experts_counts_once()
    {
        using var world = new EvaluationWorld();
        BranchFromSeed(world);
        var compute = Read(world, Model(world, "seed", 77, Run("seed", 5000)));
        Assert.Equal((5000, true), (compute["seed"].Tokens, compute["seed"].Complete));
        Assert.Equal(6000, compute["expert:beta"].Tokens);
        Assert.Equal("5.00 k seed + 3.00 k expert (3)", compute["ensemble"].Phases);
        var active = TinyForest.DefaultConfig.ParameterCount
            - ((long)TinyForest.DefaultConfig.VocabSize * TinyForest.DefaultConfig.HiddenSize);
        Assert.Equal(6.0 * active * 8000, compute["top_2"].Flops);
        Assert.Equal([3 * active, 2 * active, active, active],
            new[] { "ensemble", "top_2", "average:uniform", "expert:alpha" }.Select(m => compute[m].ActiveParameters!.Value));
        Assert.Null(compute["top_p=0.9"].ActiveParameters);
        Assert.False(Read(world)["ensemble"].Complete); // the seed is not given
    }

    [Fact]
    public void A_chain_of_runs_is_followed_by_hash()
    {
        using var world = new EvaluationWorld();
        BranchFromSeed(world);
        var seed = Model(world, "seed", 77, Run("seed", 5000));
        var continued = Model(world, "continued", 78, Run("dense", 700, seed));
        var tuned = Model(world, "tuned", 79, Run("finetune", 30, continued));
        var ofExpert = Model(world, "of-expert", 80, Run("finetune", 9, world.Expert("alpha")));
        var compute = Read(world, seed, new("tuned", tuned), new("of-expert", ofExpert));
        Assert.Equal("5.00 k seed + 700 dense + 30 finetune", compute["tuned"].Phases);
        Assert.True(compute["tuned"].Complete);
        Assert.Equal("5.00 k seed + 1.00 k expert + 9 finetune", compute["of-expert"].Phases);
        Directory.Delete(continued, recursive: true);
        Assert.Equal((30, false),
            (Read(world, seed, new ComparedModel("tuned", tuned))["tuned"] is var c ? (c.Tokens, c.Complete) : default));
    }

    [Fact]
    public void A_mixture_is_made_of_the_experts_that_its_manifest_names()
    {
        using var world = new EvaluationWorld();
        BranchFromSeed(world);
        var seed = Model(world, "seed", 77, Run("seed", 5000));
        var mix = world.Upcycled("beta", 3, 2);
        File.WriteAllText(Path.Combine(mix, "run.json"), JsonSerializer.Serialize(new { phase = "mix", tokens = 0 }));
        var config = LlamaConfig.Load(mix);
        new BtxManifest
        {
            Architecture = config.Fingerprint(),
            Tokenizer = TextTokenizer.Load(mix).Hash,
            Sha256 = CheckpointFiles.Hash(mix),
            Router = new() { ExpertsPerToken = 2, SoftLayers = [0] },
            Experts = [.. ForestManifest.Load(world.Forest).Experts.Select(e =>
                new BtxExpert { Name = e.Name, Domain = e.Domain, Sha256 = e.Sha256, Tokens = e.Tokens })],
        }.Save(mix);
        var tuned = Path.Combine(world.Root, "tuned");
        Directory.CreateDirectory(tuned);
        foreach (var file in Directory.GetFiles(mix)) File.Copy(file, Path.Combine(tuned, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(tuned, "run.json"), JsonSerializer.Serialize(Run("finetune", 250, mix)));
        var compute = Read(world, seed, new("mix", mix), new("tuned", tuned));
        Assert.Equal("5.00 k seed + 3.00 k expert (3)", compute["mix"].Phases);
        Assert.Equal("5.00 k seed + 3.00 k expert (3) + 250 finetune", compute["tuned"].Phases);
        // the first layer runs all three, the second two
        Assert.Equal(compute["expert:beta"].ActiveParameters + (3L * 2 * 64) + (3L * 64 * 160 * 3), compute["mix"].ActiveParameters);
    }

    [Fact]
    public void An_average_is_made_of_its_experts_and_a_model_without_a_record_of_nothing_known()
    {
        using var world = new EvaluationWorld();
        BranchFromSeed(world);
        var seed = Model(world, "seed", 77, Run("seed", 5000));
        var average = Model(world, "average", 81);
        File.WriteAllText(Path.Combine(average, "average.json"), JsonSerializer.Serialize(new
        {
            forest = ForestManifest.Load(world.Forest)
            .Hash(),
            experts = new { alpha = 0.5, beta = 0.5, gamma = 0 }
        }));
        var tuned = Model(world, "tuned", 82, Run("finetune", 30, average));
        var compute = Read(world, seed, new("tuned", tuned), new("stray", Model(world, "stray", 83)));
        Assert.Equal("5.00 k seed + 2.00 k expert (2) + 30 finetune", compute["tuned"].Phases);
        Assert.True(compute["tuned"].Complete);
        Assert.Equal((0, false), (compute["stray"].Tokens, compute["stray"].Complete));
    }
}
