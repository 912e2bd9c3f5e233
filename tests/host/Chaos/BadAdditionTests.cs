using System.Diagnostics;
using Btx.Fixtures;

namespace Btx.Server.Tests.Chaos;

/// <summary>What cannot be added is refused with a line that says why, beside requests that notice nothing.</summary>
public sealed class BadAdditionTests
{
    private const string Weights = "model.safetensors";
    private static readonly string[] Base = ["alpha", "beta"];

    [Fact]
    public async Task What_is_wrong_with_the_files_is_said()
    {
        using var forest = new ChaosForest(Base);
        await using var server = await ServerProcess.StartAsync(forest);
        var load = Load.EveryMode(server, null);
        var called = Stopwatch.GetTimestamp();
        var before = await server.ListAsync();
        var problems = new List<string>();
        foreach (var (title, directory, expected) in Bad(forest))
        {
            var status = await Changes.RefusalAsync(server.AddAsync("delta", directory));
            if (!status.Detail.Contains(expected, StringComparison.OrdinalIgnoreCase))
                problems.Add($"{title}: \"{status.Detail}\" does not say \"{expected}\"");
            Assert.Equal(before.StateSha256, (await server.ListAsync()).StateSha256);
        }

        Assert.Empty(problems);
        await load.EndedAsync(3);
        await new Verdict { Before = Base, After = Base, Change = (called, Stopwatch.GetTimestamp()) }.AssertAsync(await load.StopAsync());
        await server.AddAsync("delta", forest.Guest("delta"));
        await StateCheck.ServesAsync(server, forest, "alpha", "beta", "delta");
    }

    [Theory]
    [InlineData("change:validated")]
    [InlineData("begin:synced")]
    public async Task Files_that_change_while_they_are_read(string point)
    {
        using var forest = new ChaosForest(Base);
        await using var server = await ServerProcess.StartAsync(forest,
            Enumerable.Range(0, 2).Select(i => $"{point}=hold:{forest.At($"go-{i}")}"));
        var load = Load.EveryMode(server, null);
        var called = Stopwatch.GetTimestamp();
        foreach (var (i, change) in new Action<string>[] { f =>
            File.Copy(Path.Combine(forest.Guest("epsilon"), Weights), f, overwrite: true), f => Cut(f, 1000) }.Index())
        {
            var file = Path.Combine(forest.Guest("delta"), Weights);
            var addition = server.AddAsync("delta", Path.GetDirectoryName(file)!);
            await server.ReachedAsync(point, i);
            change(file);
            await File.WriteAllTextAsync(forest.At($"go-{i}"), "", TestContext.Current.CancellationToken);
            await Changes.RefusalAsync(addition);
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }

        await load.EndedAsync(3);
        await new Verdict { Before = Base, After = Base, Change = (called, Stopwatch.GetTimestamp()) }.AssertAsync(await load.StopAsync());
        await StateCheck.ServesAsync(server, forest, Base);
        await server.AddAsync("delta", forest.Guest("delta"));
        await StateCheck.ServesAsync(server, forest, "alpha", "beta", "delta");
    }

    [Fact]
    public async Task A_full_disk()
    {
        using var forest = new ChaosForest(Base);
        var validated = 0;
        void Go() => File.WriteAllText(forest.At($"go-{validated++}"), "");
        await using (var server = await ServerProcess.StartAsync(forest,
            Enumerable.Range(0, 7).Select(i => $"change:validated=hold:{forest.At($"go-{i}")}")))
        {
            var from = new FileInfo(forest.Journal).Length;
            Go();
            await server.AddAsync("delta", forest.Guest("delta"));
            var one = new FileInfo(forest.Journal).Length - from;
            var load = Load.EveryMode(server, null);
            var called = Stopwatch.GetTimestamp();
            using (new ProcessFileLimit(server.Id, 1000))
            {
                var status = await Changes.RefusalAsync(server.AddAsync("epsilon", forest.Guest("epsilon")));
                Assert.Contains("no private copy of its", status.Detail, StringComparison.Ordinal);
            }

            // in the record that begins the change, then in the one that commits it
            foreach (var room in new[] { 0, 1, one / 2, one - 200, one - 10 })
            {
                var change = server.AddAsync("epsilon", forest.Guest("epsilon"));
                await server.ReachedAsync("change:validated", validated);
                using (new ProcessFileLimit(server.Id, new FileInfo(forest.Journal).Length + room))
                {
                    Go();
                    var status = await Changes.RefusalAsync(change);
                    Assert.Contains("forest.journal", status.Detail, StringComparison.Ordinal);
                }

                Assert.Equal(["alpha", "beta", "delta"], (await server.ListAsync()).Experts.Select(e => e.Name));
            }

            await load.EndedAsync(3);
            string[] now = [.. Base, "delta"];
            await new Verdict
            {
                Before = now,
                After = now,
                Change = (called, Stopwatch.GetTimestamp())
            }.AssertAsync(await load.StopAsync());
            Go();
            await server.AddAsync("epsilon", forest.Guest("epsilon"));
            await StateCheck.ServesAsync(server, forest, [.. now, "epsilon"]);
        }

        await using var again = await ServerProcess.StartAsync(forest);
        await StateCheck.ServesAsync(again, forest, [.. Base, "delta", "epsilon"]);
    }

    private static IEnumerable<(string Title, string Directory, string Expected)> Bad(ChaosForest forest)
    {
        (string, string, string) Changed(string name, string expected, Action<string> change)
        {
            var directory = Path.Combine(forest.Guests, name);
            ChaosForest.Write(directory, "delta");
            change(directory);
            return (name, directory, expected);
        }

        yield return Changed("cut", "model.safetensors", d => Cut(Path.Combine(d, Weights), 1000));
        yield return Changed("header-cut", "model.safetensors",
            d => Cut(Path.Combine(d, Weights), (int)new FileInfo(Path.Combine(d, Weights)).Length - 100));
        yield return Changed("empty", "model.safetensors", d => File.WriteAllBytes(Path.Combine(d, Weights), []));
        yield return Changed("no-weights", "model.safetensors", d => File.Delete(Path.Combine(d, Weights)));
        yield return Changed("nan", "finite", d => Overwrite(Path.Combine(d, Weights), float.NaN));
        yield return Changed("infinite", "finite", d => Overwrite(Path.Combine(d, Weights), float.NegativeInfinity));
        yield return Changed("tokenizer", "tokenizer",
            d => Replace(Path.Combine(d, "tokenizer.json"), "\"t h\",\"h e\"", "\"h e\",\"t h\""));
        yield return Changed("config", "config.json", d => File.WriteAllText(Path.Combine(d, "config.json"), "{"));
        yield return Changed("architecture", "architecture", d =>
        {
            Directory.Delete(d, recursive: true);
            new TinyForest { Config = ChaosForest.Config with { IntermediateSize = 192 } }.WriteExpert(d, 5);
        });
        yield return Changed("pipe", "model.safetensors", d =>
        {
            File.Delete(Path.Combine(d, Weights));
            Process.Start("mkfifo", [Path.Combine(d, Weights)]).WaitForExit();
        });
        yield return Changed("nested-pipe", "sub/a/pipe is a pipe", d =>
        {
            Directory.CreateDirectory(Path.Combine(d, "sub", "a"));
            Process.Start("mkfifo", [Path.Combine(d, "sub", "a", "pipe")]).WaitForExit();
        });
        yield return Changed("nested-link", "sub/w passes through a symbolic link", d =>
        {
            Directory.CreateDirectory(Path.Combine(d, "sub"));
            File.CreateSymbolicLink(Path.Combine(d, "sub", "w"), Path.Combine(d, Weights));
        });
        yield return Changed("index-to-link", "sub passes through a symbolic link", d =>
        {
            Directory.CreateDirectory(forest.At("shards"));
            File.Move(Path.Combine(d, Weights), forest.At("shards/w.safetensors"));
            Directory.CreateSymbolicLink(Path.Combine(d, "sub"), forest.At("shards"));
            File.WriteAllText(Path.Combine(d, "model.safetensors.index.json"),
                """{"weight_map":{"model.norm.weight":"sub/w.safetensors"}}""");
        });
        yield return Changed("huge-header", "header length 60000000 exceeds the limit of 33554432", d =>
        {
            using var file = File.Create(Path.Combine(d, Weights));
            file.Write(BitConverter.GetBytes(60_000_000L));
            file.SetLength(60_000_100);
        });
        yield return Changed("linked-file", "link", d =>
        {
            File.Move(Path.Combine(d, Weights), forest.At("outside.safetensors"));
            File.CreateSymbolicLink(Path.Combine(d, Weights), forest.At("outside.safetensors"));
        });
        yield return Changed("second-name", "hard link",
            d => Process.Start("ln", [Path.Combine(d, Weights), forest.At("second-name")]).WaitForExit());
        ChaosForest.Write(forest.At("outside"), "delta");
        Directory.CreateSymbolicLink(Path.Combine(forest.Guests, "linked"), forest.At("outside"));
        yield return ("linked", Path.Combine(forest.Guests, "linked"), "link");
        yield return ("outside", forest.At("outside"), "root");
        yield return ("dots", Path.Combine(forest.Guests, "../outside"), "..");
        yield return ("relative dots", "../outside", "..");
        yield return ("nowhere", Path.Combine(forest.Guests, "nowhere"), "nowhere");
    }

    private static void Cut(string file, int bytes)
    {
        using var stream = File.OpenWrite(file);
        stream.SetLength(stream.Length - bytes);
    }

    private static void Overwrite(string file, float last)
    {
        using var stream = File.OpenWrite(file);
        stream.Seek(-4, SeekOrigin.End);
        stream.Write(BitConverter.GetBytes(last));
    }

    private static void Replace(string file, string old, string by)
    {
        var text = File.ReadAllText(file);
        Assert.Contains(old, text, StringComparison.Ordinal);
        File.WriteAllText(file, text.Replace(old, by, StringComparison.Ordinal));
    }
}
