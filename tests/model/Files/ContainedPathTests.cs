using System.Diagnostics;
using Btx.Model.Files;

namespace Btx.Model.Tests.Files;

public sealed class ContainedPathTests
{
    private static string Problem(string root, string relative) =>
        Assert.Throws<BtxException>(() => ContainedPath.Resolve(root, relative, "forest.json")).Message;

    private static void HardLink(string existing, string name)
    {
        using var process = Process.Start("ln", [existing, name]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public void A_path_inside_is_resolved_whether_it_exists_or_not()
    {
        using var root = new TemporaryDirectory();
        Directory.CreateDirectory(root["experts/a"]);
        Assert.Equal(root["experts/a"], ContainedPath.Resolve(root.Path, "experts/a", "m"));
        Assert.Equal(root["experts/a"], ContainedPath.Resolve(root.Path, "experts//a/", "m"));
        Assert.Equal(root["experts/..."], ContainedPath.Resolve(root.Path, "experts/...", "m"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("/")]
    [InlineData("//")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("a/..")]
    [InlineData("./a")]
    [InlineData("a/./b")]
    [InlineData("a\\..\\b")]
    [InlineData("C:\\x")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    public void A_path_that_could_leave_is_refused(string relative)
    {
        using var root = new TemporaryDirectory();
        var message = Problem(root.Path, relative);
        Assert.StartsWith("forest.json: path ", message, StringComparison.Ordinal);
        Assert.DoesNotContain(message, char.IsControl);
        Assert.Throws<BtxException>(() => ContainedPath.ResolveNames(root.Path, relative, "forest.json"));
    }

    [Fact]
    public void A_part_that_no_file_system_takes_is_one_clear_line()
    {
        using var root = new TemporaryDirectory();
        try
        {
            ContainedPath.Resolve(root.Path, new string('x', 5000), "forest.json");
        }
        catch (BtxException e)
        {
            Assert.InRange(e.Message.Length, 1, 500);
        }
    }

    [Fact]
    public void A_symbolic_link_on_the_way_is_refused_wherever_it_leads()
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        Directory.CreateDirectory(outside["e"]);
        Directory.CreateDirectory(root["real"]);
        Directory.CreateSymbolicLink(root["out"], outside.Path);
        Directory.CreateSymbolicLink(root["in"], root["real"]);
        File.CreateSymbolicLink(root["dangling"], root["nowhere"]);
        foreach (var path in new[] { "out", "out/e", "in", "dangling", "dangling/x" })
            Assert.Contains("symbolic link", Problem(root.Path, path), StringComparison.Ordinal);
        Assert.Equal(root["in"], ContainedPath.ResolveNames(root.Path, "in", "m"));
    }

    [Fact]
    public void A_file_with_a_second_name_is_refused()
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        File.WriteAllText(outside["w"], "weights");
        Assert.Equal(outside["w"], ContainedPath.Resolve(outside.Path, "w", "m"));
        HardLink(outside["w"], root["w"]);
        Assert.Contains("hard link", Problem(root.Path, "w"), StringComparison.Ordinal);
        Assert.Contains("hard link", Problem(outside.Path, "w"), StringComparison.Ordinal);
        File.Delete(outside["w"]);
        Assert.Equal(root["w"], ContainedPath.Resolve(root.Path, "w", "m"));
    }

    [Fact]
    public void A_pipe_is_refused_before_anyone_waits_for_its_writer()
    {
        using var root = new TemporaryDirectory();
        System.Diagnostics.Process.Start("mkfifo", [root["w"]]).WaitForExit();
        Assert.Contains("is a pipe, a socket or a device", Problem(root.Path, "w"), StringComparison.Ordinal);
    }
}
