using System.Diagnostics;

namespace Btx.Trainer.Tests.Phases;

/// <summary>What a kill leaves behind, with real processes and real signals.</summary>
public sealed class KillTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task Killed_at_random_steps_a_run_ends_with_the_weights_of_an_uninterrupted_one()
    {
        string[] flags = ["--tokens", "19200", "--checkpoint-steps", "6"]; // 600 steps, 100 resume points
        var whole = TinyWorld.RunAsync(world.SeedArguments("whole", flags));
        var random = new Random(Environment.ProcessId);
        foreach (var earliest in (int[])[random.Next(6, 150), random.Next(150, 300), random.Next(300, 450)])
        {
            using var process = TinyWorld.Start(world.SeedArguments("killed", flags));
            while (NewestPoint("killed") < earliest && !process.HasExited) await Task.Delay(1, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.False(File.Exists(Path.Combine(world.At("killed"),
                "model.safetensors")), $"the run was over before it could be killed after step {earliest}");
        }

        var end = await TinyWorld.RunAsync(world.SeedArguments("killed", flags));
        Assert.Equal((0, ""), (end.Code, end.Errors));
        Assert.Equal(0, (await whole).Code);
        Assert.Equal(File.ReadAllBytes(Path.Combine(world.At("whole"), "model.safetensors")),
            File.ReadAllBytes(Path.Combine(world.At("killed"), "model.safetensors")));
        Assert.Contains("finished earlier, nothing to do", (await TinyWorld.RunAsync(world.SeedArguments("killed", flags))).Output);
    }

    [Fact]
    public async Task A_full_disk_leaves_the_last_resume_point_and_one_line()
    {
        string[] flags = ["--tokens", "3200", "--checkpoint-steps", "10"];
        using (var first = TinyWorld.Start(world.SeedArguments("run", flags)))
        {
            while (NewestPoint("run") < 10 && !first.HasExited) await Task.Delay(1, TestContext.Current.CancellationToken);
            first.Kill();
            await first.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        // A limit on the size of files stands for the full disk: a write beyond it fails in the middle.
        var before = NewestPoint("run");
        var full = await TinyWorld.EndAsync(TinyWorld.Start("export DOTNET_EnableWriteXorExecute=0; trap '' XFSZ; ulimit -f 8;",
            world.SeedArguments("run", flags)));
        Assert.Equal(1, full.Code);
        Assert.StartsWith("error: cannot write", full.Errors);
        Assert.Single(full.Errors.TrimEnd().Split('\n'));
        Assert.Equal(before, NewestPoint("run"));
        var end = await TinyWorld.RunAsync(world.SeedArguments("run", flags));
        Assert.Equal(0, end.Code);
        Assert.DoesNotContain(Directory.GetFiles(world.At("run")), f => f.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_expert_that_is_killed_stops_no_other_and_the_same_command_trains_it()
    {
        await TinyWorld.RunAsync(world.SeedArguments("seed", "--tokens", "640"));
        string[] Round(string forest) =>
            ["train", "round", "--forest", world.At(forest), "--seed", world.At("seed"), "--corpus", world.Corpus, "--domains", "ants,bees",
            "--tokens", "6400", "--sequence", "16", "--parallel", "2", "--checkpoint-steps", "4", "--validation-windows", "4"];
        var whole = await TinyWorld.RunAsync(Round("whole"));
        Assert.Equal((0, ""), (whole.Code, whole.Errors));

        using (var round = TinyWorld.Start(Round("forest")))
        {
            var output = round.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            while (NewestPoint("forest/runs/round-1/bees") < 4 && !round.HasExited)
                await Task.Delay(1, TestContext.Current.CancellationToken);
            using (var worker = Worker(world.At("forest"), "bees")) worker.Kill();
            var errors = await round.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await round.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(1, round.ExitCode);
            Assert.Contains("1 of 2 experts failed: bees (its process was ended by signal 9)", errors);
            Assert.Contains("ants: 6.40 k tokens", await output);
        }

        Assert.Equal(["ants"], Names("forest"));

        // The whole round is killed too: its workers go on by themselves, and the next call waits for them or resumes them.
        using (var round = TinyWorld.Start(Round("forest")))
        {
            while (Directory.GetDirectories(world.At("forest/runs/round-1/bees"), "resume").Length == 0 && !round.HasExited)
                await Task.Delay(1, TestContext.Current.CancellationToken);
            round.Kill();
            await round.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var end = await TinyWorld.RunAsync(Round("forest"));
        Assert.Equal((0, ""), (end.Code, end.Errors));
        Assert.Equal(["ants", "bees"], Names("forest"));
        foreach (var name in (string[])["ants", "bees"])
            Assert.Equal(File.ReadAllBytes(world.At($"whole/experts/{name}/model.safetensors")),
                File.ReadAllBytes(world.At($"forest/experts/{name}/model.safetensors")));
        Assert.Contains("finished earlier, nothing to do", (await TinyWorld.RunAsync(Round("forest"))).Output);
    }

    private string[] Names(string forest) => [.. Btx.Model.Forests.ForestManifest.Load(world.At(forest)).Experts.Select(e => e.Name)];

    private int NewestPoint(string run)
    {
        var resume = Path.Combine(world.At(run), "resume");
        return Directory.Exists(resume)
            ? Directory.GetDirectories(resume, "step-*").Select(p => int.Parse(Path.GetFileName(p)[5..])).DefaultIfEmpty(0).Max() : 0;
    }

    private static Process Worker(string forest, string expert) =>
        Process.GetProcesses().Single(p =>
        {
            try
            {
                var line = File.ReadAllText($"/proc/{p.Id}/cmdline");
                return line.Contains("\0worker\0", StringComparison.Ordinal) && line.Contains(forest, StringComparison.Ordinal)
                    && line.Contains($"\0{expert}\0", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false; // it ended while we looked
            }
        });
}
