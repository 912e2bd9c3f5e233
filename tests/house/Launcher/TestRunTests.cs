using Btx.House.Tests.Architecture;

namespace Btx.House.Tests.Launcher;

/// <summary><c>./btx test</c> always ends with its counts, alone on the last line: shown with a
/// <c>dotnet</c> that pretends to be the rooms.</summary>
public sealed class TestRunTests : IDisposable
{
    private readonly string _tree = Directory.CreateTempSubdirectory("btx-run").FullName;

    public TestRunTests()
    {
        foreach (var room in new[] { "model", "engine" })
        {
            Directory.CreateDirectory(Path.Combine(_tree, "tests", room));
            File.WriteAllText(Path.Combine(_tree, "tests", room, $"{room}.csproj"), "");
        }

        foreach (var file in new[] { "btx", "tests/run.sh" }) File.Copy(Path.Combine(Repository.Root, file), Path.Combine(_tree, file));
    }

    [Theory]
    [InlineData("exit 0", "exit 0", 1, "0 passed, 2 failed, 0 skipped")] // no summary at all
    [InlineData("kill -SEGV $$", "echo ' model  Total: 7, Errors: 0, Failed: 0, Skipped: 1, Not Run: 0, Time: 1.5s'", 1,
        "6 passed, 1 failed, 1 skipped")]
    [InlineData("echo ' engine  Total: 7, Errors: 1, Failed: 2, Skipped: 0, Not Run: 0, Time: 1.5s'; exit 1",
        "echo ' model  Total: 5, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 2s'", 1, "9 passed, 3 failed, 0 skipped")]
    [InlineData("echo ' engine  Total: 7, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 1.5s'; exit 134",
        "echo ' model  Total: 5, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 2s'", 1, "12 passed, 1 failed, 0 skipped")]
    [InlineData("echo ' engine  Total: 7, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 1.5s'",
        "echo ' model  Total: 5, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 2s'", 0, "12 passed, 0 failed, 0 skipped")]
    public void The_last_line_counts_rooms_that_crash(string engine, string model, int exit, string last) =>
    Runs($"case $* in *engine.dll*) {engine} ;; *model.dll*) {model} ;; esac", exit, last);

    [Fact]
    public void A_build_that_fails_is_counted() =>
    Runs("case $1 in build) echo broken; exit 1 ;; esac", 1, "0 passed, 1 failed, 0 skipped");

    [Fact]
    public void What_failed_stands_above_the_last_line()
    {
        const string Log = "    Some.Test [FAIL]\n      Assert.Equal() Failure\nwarn: a line of a server\n      Expected: 1\n" +
            "  Finished: x\n      not of the test\n engine  Total: 7, Errors: 0, Failed: 1, Skipped: 0, Not Run: 0, Time: 1.5s";
        var room = Path.Combine(_tree, "room.log");
        File.WriteAllText(room, Log + "\n");
        var output = Runs($"case $* in *dll*) cat {room}; exit 1 ;; esac", 1, "12 passed, 2 failed, 0 skipped");
        const string Told = "    Some.Test [FAIL]\n      Assert.Equal() Failure\n      Expected: 1\n";
        Assert.EndsWith($"artifacts/test-ROOM.log\ntests/engine:\n{Told}tests/model:\n{Told}12 passed, 2 failed, 0 skipped\n", output);
    }

    [Fact]
    public void Material_that_cannot_be_fetched_is_counted()
    {
        File.WriteAllText(Path.Combine(_tree, "tests/fetch-nothing.sh"), "exit 1");
        Runs("exit 0", 1, "0 passed, 1 failed, 0 skipped");
    }

    public void Dispose() => Directory.Delete(_tree, recursive: true);

    private string Runs(string dotnet, int exit, string last)
    {
        var bin = Directory.CreateDirectory(Path.Combine(_tree, "bin")).FullName;
        var fake = Path.Combine(bin, "dotnet");
        File.WriteAllText(fake, $"#!/usr/bin/env bash\ncase $1 in --list-sdks) echo '10.0.100 [x]'; exit 0 ;; esac\n{dotnet}\n");
        Shell.Run("chmod", "+x", fake);
        var found = Shell.Run(Path.Combine(_tree, "btx"), ["test", "engine", "model"],
            new Dictionary<string, string?> { ["PATH"] = $"{bin}:{Environment.GetEnvironmentVariable("PATH")}" });
        Assert.Equal(exit, found.Exit);
        Assert.Equal(last, found.Output.TrimEnd('\n').Split('\n')[^1]);
        return found.Output;
    }
}
