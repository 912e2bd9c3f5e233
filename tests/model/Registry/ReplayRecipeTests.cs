using System.Diagnostics;
using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Model.Tests.Registry;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ReplayRecipeTests
{
    private static readonly ForestState State = SampleForest.State;

    private const string Round =
        """
        {"round": 2, "options": {"--branch": "top_k with --k 2", "--corpus": "/corpus", "--domains": "c", "--random-init": "off", "--random-split": "off",
          "--tokens": "3000", "--lr": "0.004", "weights of the parents": "a:1"},
         "experts": [{"phase": "expert", "name": "c", "corpus": "/my corpus", "sources": [{"name": "c", "domains": ["c"]}],
           "parents": [{"name": "seed", "weight": 1, "model": "/seed", "sha256": "0"}]}]}
        """;

    private static ReplaySources Sources(TemporaryDirectory directory) => new(directory["forest"], SampleForest.Manifest,
        directory["clean forest"], null, null, RecordedTraining.All(directory["forest"]));

    private static ReplayRecipe Of(ReplaySources sources, params string[] removed) =>
        ReplayRecipe.Of(State, RemovalPlan.Of(State, removed, LineagePolicy.Only), sources);

    [Fact]
    public void The_trainers_record_is_read()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["forest/runs/round-2"]);
        File.WriteAllText(directory["forest/runs/round-2/round.json"], Round);
        var c = RecordedTraining.All(directory["forest"])["c"];
        Assert.Equal([new("--branch", "top_k"), new("--k", "2"), new("--tokens", "3000"), new("--lr", "0.004")], c.Flags);
        Assert.Equal(("/my corpus", "/seed"), (c.Corpus, c.SeedModel));
        File.WriteAllText(directory["forest/runs/round-2/round.json"], "{}");
        Assert.Contains("round.json", Assert.Throws<BtxException>(() => RecordedTraining.All(directory["forest"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_script_makes_a_clean_forest_and_trains_descendants_in_order()
    {
        using var directory = new TemporaryDirectory();
        SampleForest.Write(directory);
        Directory.CreateDirectory(directory["forest/runs/round-2"]);
        File.WriteAllText(directory["forest/runs/round-2/round.json"], Round);
        var recipe = Of(Sources(directory) with { Corpus = "/it's a corpus" }, "a");
        Assert.Equal(["c", "d"], recipe.Retrained);
        Assert.Equal(["b"], recipe.Clean);

        // The programs are the script's own; only the launcher is replaced, by one that notes what it was asked.
        File.WriteAllText(directory["btx"], "#!/bin/sh\nfor a in \"$@\"; do printf '[%s]' \"$a\"; done >> log\necho >> log\n");
        File.SetUnixFileMode(directory["btx"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(directory["recipe.sh"], recipe.ToScript());
        void Run()
        {
            using var bash = Process.Start(new ProcessStartInfo("bash", [directory["recipe.sh"], "--server", "host:1"])
            { WorkingDirectory = directory.Path })!;
            bash.WaitForExit();
            Assert.Equal(0, bash.ExitCode);
        }

        var clean = directory["clean forest"];
        Run();
        File.AppendAllText(Path.Combine(clean, ForestManifest.FileName), "\n"); // as the trainer, which adds to it
        Run(); // the same again goes on
        Assert.EndsWith("\n\n", File.ReadAllText(Path.Combine(clean, ForestManifest.FileName)), StringComparison.Ordinal);
        Assert.Equal([Path.Combine(clean, "experts/b/model.safetensors")],
            Directory.GetFileSystemEntries(Path.Combine(clean, "experts/b")));
        Assert.Equal(["b"], ForestManifest.Load(clean).Experts.Select(e => e.Name));
        Assert.Equal("b", File.ReadAllText(Path.Combine(clean, "experts/b/model.safetensors")));
        Assert.Equal(
            [
                $"[train][round][--forest][{clean}][--corpus][/it's a "
                    + "corpus][--round][2][--domains][c][--branch][top_k][--k][2][--tokens][3000][--lr][0.004]",
                $"[train][round][--forest][{clean}][--corpus][/it's a corpus][--round][3][--domains][d][--tokens][1000]",
                $"[experts][add][{clean}/experts/c][--name][c-clean][--unless-served][--reason][c "
                    + "trained again without a][--server][host:1]",
                $"[experts][add][{clean}/experts/d][--name][d-clean][--unless-served][--reason][d "
                    + "trained again without a][--server][host:1]",
            ],
            File.ReadAllLines(directory["log"])[..4]);
        Assert.Contains("\"retrained\"", System.Text.Encoding.UTF8.GetString(recipe.ToJson()), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_clean_ancestors_it_starts_from_the_seed()
    {
        using var directory = new TemporaryDirectory();
        var sources = Sources(directory) with { Corpus = "corpus" };
        Assert.Contains("--seed", Assert.Throws<BtxException>(() => Of(sources, "a", "b")).Message, StringComparison.Ordinal);
        var step = Of(sources with { Seed = "the-seed" }, "a", "b").Steps[0];
        Assert.Equal(["./btx", "train", "round", "--forest", directory["clean forest"], "--corpus", "corpus", "--round", "2", "--domains",
            "c", "--seed", "the-seed", "--tokens", "1000"], step.Command);
    }

    [Fact]
    public void An_expert_of_another_name_than_its_round_gives_is_trained_alone()
    {
        using var directory = new TemporaryDirectory();
        var state = SampleForest.Base(SampleForest.Manifest with
        { Experts = [.. SampleForest.Manifest.Experts.Select(e => e.Name == "c" ? e with { Domain = "other" } : e)] });
        var steps = ReplayRecipe.Of(state, RemovalPlan.Of(state, ["a"], LineagePolicy.Cascade),
            Sources(directory) with { Corpus = "corpus" }).Steps;
        Assert.Equal(["c", "d"], steps.Where(s => s.Command is [_, "train", "expert", ..]).Select(s => s.Command[10]));
    }

    [Fact]
    public void Experts_that_hold_what_was_removed_earlier_are_no_parents()
    {
        using var directory = new TemporaryDirectory();
        var state = State.Without(["a"]); // c and d stay, with a in them
        Assert.Equal([], ReplayRecipe.Of(state, RemovalPlan.Of(state, ["b"], LineagePolicy.Only),
            Sources(directory) with { Corpus = "corpus", Seed = "seed" }).Clean);
        Assert.Empty(Of(Sources(directory), "d").Steps);
    }

    [Fact]
    public void Text_that_is_not_recorded_has_to_be_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("--corpus", Assert.Throws<BtxException>(() => Of(Sources(directory), "a")).Message, StringComparison.Ordinal);
    }
}
