using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Files;

/// <summary>Runs alone: the file-size limit holds for the whole process.</summary>
[Collection(nameof(Alone))]
public sealed class AtomicFileTests
{
    [Fact]
    public void What_a_process_that_died_left_is_swept_and_nothing_else()
    {
        var directory = Directory.CreateTempSubdirectory("btx-atomic-").FullName;
        string At(string name) => Path.Combine(directory, name);
        var dead = $".a.json.{int.MaxValue}.{Guid.NewGuid():N}.tmp"; // beyond any system's process numbers
        string[] kept = [$".a.json.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp",
            ".a.json.notes.tmp", $".b.json.{int.MaxValue}.{Guid.NewGuid():N}.tmp", $".a.json.{int.MaxValue}.short.tmp"];
        foreach (var name in kept.Append(dead)) File.WriteAllText(At(name), "half");
        AtomicFile.WriteText(At("a.json"), "whole");
        Assert.Equal(kept.Append("a.json").Order(StringComparer.Ordinal),
            Directory.GetFiles(directory).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Directory.Delete(directory, recursive: true);
    }

    // By a descriptor: no name that could be replaced by mistake.
    [Fact]
    public void A_device_is_written_to_and_stays()
    {
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        var link = $"/dev/fd/{full.SafeFileHandle.DangerousGetHandle()}";
        var failure = Assert.Throws<BtxException>(() => AtomicFile.WriteText(link, "x"));
        Assert.StartsWith($"cannot write {link}: No space left on device", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_replaced_and_nothing_else_stays()
    {
        using var directory = new TemporaryDirectory();
        AtomicFile.WriteText(directory["sub/f"], "old");
        AtomicFile.WriteText(directory["sub/f"], "néw");
        Assert.Equal("néw"u8.ToArray(), File.ReadAllBytes(directory["sub/f"]));
        Assert.Single(Directory.GetFileSystemEntries(directory["sub"]));
    }

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(OperationCanceledException))]
    public void A_writer_that_fails_halfway_leaves_the_old_file(Type failure)
    {
        using var directory = new TemporaryDirectory();
        AtomicFile.WriteText(directory["f"], "old");
        var thrown = Assert.ThrowsAny<Exception>(() => AtomicFile.Write(directory["f"], stream =>
        {
            stream.Write(new byte[3 << 20]);
            throw (Exception)Activator.CreateInstance(failure, "halfway")!;
        }));
        Assert.IsType(failure == typeof(IOException) ? typeof(BtxException) : failure, thrown);
        Assert.Equal("old", File.ReadAllText(directory["f"]));
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_file_is_copied_if_it_is_there()
    {
        using var directory = new TemporaryDirectory();
        Assert.False(AtomicFile.CopyIfThere(directory["a"], directory["sub/b"]));
        Assert.False(File.Exists(directory["sub/b"]));
        File.WriteAllText(directory["a"], "text");
        Assert.True(AtomicFile.CopyIfThere(directory["a"], directory["sub/b"]));
        Assert.Equal("text", File.ReadAllText(directory["sub/b"]));
    }

    [Fact]
    public void A_full_device_is_one_clear_line_and_leaves_the_old_file()
    {
        using var directory = new TemporaryDirectory();
        AtomicFile.WriteText(directory["f"], "old");
        var problem = Assert.Throws<BtxException>(() => AtomicFile.Write(directory["f"], stream =>
        {
            stream.Write("new"u8);
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
            full.Write(new byte[8]);
            full.Flush();
        }));
        Assert.Contains(directory["f"], problem.Message, StringComparison.Ordinal);
        Assert.Contains("No space left on device", problem.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(directory["f"]));
    }

    [Fact]
    public void A_checkpoint_survives_a_disk_that_fills_up_while_it_is_saved()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["model.safetensors"];
        SafetensorsWriter.Write(path, [("w", TensorDtype.F32, [1000])], (_, d) => d.Fill(7));
        var before = File.ReadAllBytes(path);
        foreach (var limit in new long[] { 0, 100, 1 << 20, 3_900_000 })
        {
            using (new FileSizeLimit(limit))
            {
                var problem = Assert.Throws<BtxException>(() => SafetensorsWriter.Write(path, [("w", TensorDtype.F32, [1000, 1000])], (
                    _, d) => d.Fill(1)));
                Assert.Contains(path, problem.Message, StringComparison.Ordinal);
            }

            Assert.Equal(before, File.ReadAllBytes(path));
            Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
        }
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_named()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["file"], "");
        Directory.CreateDirectory(directory["d/e"]);
        Assert.Contains(directory["file/x"], Assert.Throws<BtxException>(() => AtomicFile.WriteText(directory["file/x"], "")).Message,
            StringComparison.Ordinal);
        Assert.Contains(directory["d"], Assert.Throws<BtxException>(() => AtomicFile.WriteText(directory["d"], "")).Message,
            StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFileSystemEntries(directory.Path).Length);
    }

    [Fact]
    public void Replacing_a_hard_linked_file_breaks_the_link()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["a"], "shared");
        using (var process = System.Diagnostics.Process.Start("ln", [directory["a"], directory["b"]])) process.WaitForExit();
        AtomicFile.WriteText(directory["b"], "mine");
        Assert.Equal("shared", File.ReadAllText(directory["a"]));
        FolderTree.Check(directory.Path, "m");
    }

    [Fact]
    public void A_file_far_too_long_is_not_read()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllBytes(directory["f"], new byte[100]);
        Assert.Equal(100, BoundedFile.Read(directory["f"], 100).Length);
        Assert.Contains("100 bytes", Assert.Throws<BtxException>(() => BoundedFile.Read(directory["f"], 99)).Message,
            StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => BoundedFile.Read(directory["none"]));
    }
}
