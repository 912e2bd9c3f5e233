using Btx.Model.Files;

namespace Btx.Model.Tests.Files;

public sealed class AtomicDirectoryTests
{
    private static void Write(TemporaryDirectory root, string text)
    {
        using var directory = new AtomicDirectory(root["d"]);
        Directory.CreateDirectory(Path.Combine(directory.Building, "sub"));
        File.WriteAllText(Path.Combine(directory.Building, "sub", "f"), text);
        directory.Commit();
    }

    [Fact]
    public void A_directory_is_made_and_replaced_whole()
    {
        using var root = new TemporaryDirectory();
        Write(root, "one");
        Assert.Equal("one", File.ReadAllText(root["d/sub/f"]));
        File.WriteAllText(root["d/stale"], "");
        Write(root, "two");
        Assert.Equal("two", File.ReadAllText(root["d/sub/f"]));
        Assert.False(File.Exists(root["d/stale"]));
        Assert.Single(Directory.GetFileSystemEntries(root.Path));
    }

    [Fact]
    public void Without_commit_nothing_changes_and_nothing_stays()
    {
        using var root = new TemporaryDirectory();
        Write(root, "one");
        using (var directory = new AtomicDirectory(root["d/"])) File.WriteAllText(Path.Combine(directory.Building, "f"), "x");
        Assert.Equal("one", File.ReadAllText(root["d/sub/f"]));
        Assert.Single(Directory.GetFileSystemEntries(root.Path));
    }

    [Fact]
    public void A_crash_before_commit_leaves_the_old_directory_readable()
    {
        using var root = new TemporaryDirectory();
        Write(root, "one");
        var abandoned = new AtomicDirectory(root["d"]); // never committed nor disposed, as when the process is killed
        File.WriteAllText(Path.Combine(abandoned.Building, "half"), "x");
        Assert.Equal("one", File.ReadAllText(root["d/sub/f"]));
        Write(root, "two");
        Assert.Equal("two", File.ReadAllText(root["d/sub/f"]));
        Assert.StartsWith(".", Path.GetFileName(abandoned.Building), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_dead_writer_left_is_swept_by_the_next_one_of_the_same_place()
    {
        using var root = new TemporaryDirectory();
        var id = Guid.NewGuid().ToString("N");
        Write(root, "one");
        Directory.CreateDirectory(root[$".d.{Environment.ProcessId}.{id}.tmp/sub"]); // its process may even have had this one's number
        File.WriteAllText(root[$".d.{Environment.ProcessId}.{id}.tmp/sub/half"], "x");
        Directory.CreateDirectory(root[$".d.4194305.{id}.tmp"]);
        string[] others = [$".e.12.{id}.tmp", $".d.e.12.{id}.tmp", $".d.1.12.{id}.tmp", $".d.12.{id}.tmp.old", $".d.12.{id}", ".d.tmp",
            ".d.12.abc.tmp", $".d..{id}.tmp", $"d.12.{id}.tmp"];
        foreach (var other in others) Directory.CreateDirectory(root[other]);
        Directory.CreateSymbolicLink(root[$".d.13.{id}.tmp"], root["d"]);
        File.WriteAllText(root[$".d.14.{id}.tmp"], "a file");
        Write(root, "two");
        Assert.Equal(
            ((string[])["d", $".d.13.{id}.tmp", $".d.14.{id}.tmp", .. others]).Order(StringComparer.Ordinal),
            Directory.GetFileSystemEntries(root.Path).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal));
        Assert.Equal("two", File.ReadAllText(root["d/sub/f"]));
    }

    [Fact]
    public void What_a_live_writer_builds_is_never_swept()
    {
        using var root = new TemporaryDirectory();
        using (var slow = new AtomicDirectory(root["d"]))
        {
            File.WriteAllText(Path.Combine(slow.Building, "f"), "slow");
            Write(root, "fast");
            slow.Commit();
        }

        Assert.Equal("slow", File.ReadAllText(root["d/f"]));
        Assert.Equal([root["d"]], Directory.GetFileSystemEntries(root.Path));
        Write(root, "next");
        Assert.Equal([root["d"]], Directory.GetFileSystemEntries(root.Path));
    }

    [Fact]
    public async Task Many_writers_of_one_place_at_once_do_not_disturb_each_other()
    {
        using var root = new TemporaryDirectory();
        Write(root, "0");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(
            () =>
            {
                for (var i = 0; i < 25; i++) Write(root, $"{w}-{i}");
            },
            TestContext.Current.CancellationToken)));
        Assert.EndsWith("-24", File.ReadAllText(root["d/sub/f"]), StringComparison.Ordinal);
        Assert.Equal([root["d"]], Directory.GetFileSystemEntries(root.Path));
    }

    [Fact]
    public async Task A_reader_finds_a_whole_directory_at_every_moment()
    {
        using var root = new TemporaryDirectory();
        Write(root, "0");
        var writing = Task.Run(() =>
        {
            for (var i = 1; i <= 200; i++) Write(root, i.ToString());
        }, TestContext.Current.CancellationToken);
        var last = 0;
        while (!writing.IsCompleted)
        {
            // The exchange is one step: the path is never missing, and what it names only moves forward.
            Assert.True(Directory.Exists(root["d"]));
            if (!TryRead(root["d/sub/f"], out var seen)) continue;
            Assert.InRange(seen, last, 200);
            last = seen;
        }

        await writing;
        Assert.Equal("200", File.ReadAllText(root["d/sub/f"]));
    }

    [Fact]
    public void A_place_taken_by_a_file_is_one_clear_line()
    {
        using var root = new TemporaryDirectory();
        File.WriteAllText(root["d"], "file");
        Assert.Contains(root["d"], Assert.Throws<BtxException>(() => Write(root, "x")).Message, StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => new AtomicDirectory(root["d/e"]));
        Assert.Throws<BtxException>(() => new AtomicDirectory("/"));
        Assert.Equal([root["d"]], Directory.GetFileSystemEntries(root.Path));
    }

    // Between resolving the path and opening the file the old directory may be exchanged and deleted; the reader tries again.
    private static bool TryRead(string path, out int value)
    {
        value = 0;
        try
        {
            value = int.Parse(File.ReadAllText(path));
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }
}
