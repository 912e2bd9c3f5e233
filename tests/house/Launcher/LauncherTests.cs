using Btx.House.Tests.Architecture;

namespace Btx.House.Tests.Launcher;

public sealed class LauncherTests
{
    private static readonly string Btx = Path.Combine(Repository.Root, "btx");

    [Theory]
    [InlineData("help")]
    [InlineData("--help")]
    public void Help_lists_every_verb(string argument)
    {
        var (exit, output, _) = Shell.Run(Btx, argument);
        Assert.Equal(0, exit);
        string[] verbs = ["demo", "test", "setup", "corpus", "tokenizer", "train", "evaluate", "export", "serve", "generate", "chat",
            "score", "experts", "keys", "reproduce"];
        foreach (var verb in verbs)
            Assert.Contains($"./btx {verb}", output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_verb_is_wrong_usage()
    {
        var (exit, output, error) = Shell.Run(Btx, "srve");
        Assert.Equal(2, exit);
        Assert.Equal("", output);
        Assert.Equal("error: unknown verb \"srve\"; ./btx help lists them", error.Trim());
    }

    [Theory]
    [InlineData("setup", "--gpu")]
    [InlineData("test", "no-such-room")]
    [InlineData("help", "bogus")]
    [InlineData("version", "x")]
    public void A_wrong_option_of_the_launchers_own_verbs_is_wrong_usage(string verb, string argument)
    {
        var (exit, _, error) = Shell.Run(Btx, verb, argument);
        Assert.Equal(2, exit);
        Assert.StartsWith("error: ", error, StringComparison.Ordinal);
        Assert.Contains(argument, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_to_it_is_as_good_as_itself()
    {
        var directory = Directory.CreateTempSubdirectory("btx-link").FullName;
        var link = Path.Combine(directory, "btx");
        File.CreateSymbolicLink(link, Btx);
        var found = Shell.Run(link, "version");
        Directory.Delete(directory, recursive: true);
        Assert.Equal(Shell.Run(Btx, "version"), found);
        Assert.Equal((0, ""), (found.Exit, found.Error));
    }

    [Theory]
    [InlineData("removal", "x", "y")]
    [InlineData("requests")]
    [InlineData("programs", "x")]
    public void Stages_of_the_demo_start_as_the_plan_starts_them_alone(params string[] arguments)
    {
        var script = $"program() {{ echo \"program $*\"; }}; run_setup() {{ echo stage; }}; root=/nowhere; "
            + $"source '{Repository.Root}/docs/demo.sh'";
        var (_, output, _) = Shell.Run("bash", ["-c", script, "btx", .. arguments]);
        Assert.StartsWith("program trainer/Btx.Trainer demo --started ", output, StringComparison.Ordinal);
        Assert.EndsWith($" {string.Join(' ', arguments)}\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_sdk_the_error_says_what_is_missing()
    {
        var bin = Directory.CreateTempSubdirectory("btx-bin");
        foreach (var tool in new[] { "bash", "dirname", "readlink", "mkdir", "cat" })
        {
            var real = new[] { "/usr/bin/", "/bin/" }.Select(d => d + tool).First(File.Exists);
            File.CreateSymbolicLink(Path.Combine(bin.FullName, tool), real);
        }

        // A copy of the launcher in an empty tree: no stamp says that set-up was done.
        var copy = Path.Combine(bin.FullName, "btx");
        File.Copy(Btx, copy);
        var (exit, _, error) = Shell.Run(copy, ["setup"], new Dictionary<string, string?> { ["PATH"] = bin.FullName });
        bin.Delete(recursive: true);
        Assert.Equal(1, exit);
        Assert.Contains("error: the .NET 10 SDK is not installed", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Scripts_are_valid_shell()
    {
        foreach (var script in Repository.Files(".", "*.sh").Append("btx").Append(".ci/run"))
        {
            var (exit, _, error) = Shell.Run("bash", "-n", Path.Combine(Repository.Root, script));
            Assert.True(exit == 0, $"{script}: {error}");
        }
    }
}
