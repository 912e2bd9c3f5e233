using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Files;

/// <summary>A copy stays what it was, whatever is done to the file; a race shows.</summary>
public sealed class PrivateCopyTests
{
    private static readonly byte[] Before = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];

    private static PrivateCopy Take(TemporaryDirectory root, bool memory, PrivateCopies? copies = null)
    {
        using var folder = OpenFolder.At(root.Path);
        return (copies ?? new()).Take(folder, root["w"], memory ? [] : [root.Path], CancellationToken.None);
    }

    private static byte[] Read(PrivateCopy copy) => BoundedFile.Read(copy.Content, copy.Path);

    public static TheoryData<string, bool> Deeds { get; } = new(
        from deed in (string[])["cut", "overwrite", "replace", "delete", "grow"]
        from memory in (bool[])[false, true]
        select (deed,
            memory));

    [Theory]
    [MemberData(nameof(Deeds))]
    public void What_is_done_to_the_file_does_not_reach_the_copy(string deed, bool memory)
    {
        using var root = new TemporaryDirectory();
        File.WriteAllBytes(root["w"], Before);
        using var copy = Take(root, memory);
        Assert.Equal(copy.Stat, FileStat.Of(copy.Path));
        Assert.Equal(["w"], Directory.EnumerateFileSystemEntries(root.Path).Select(Path.GetFileName));
        switch (deed)
        {
            case "cut":
                using (var file = File.OpenWrite(root["w"])) file.SetLength(10);
                break;
            case "overwrite":
                using (var file = File.OpenWrite(root["w"])) file.Write(new byte[Before.Length]);
                break;
            case "replace":
                File.WriteAllBytes(root["new"], Before);
                File.Move(root["new"], root["w"], overwrite: true);
                break;
            case "delete":
                File.Delete(root["w"]);
                break;
            default:
                File.AppendAllText(root["w"], "more");
                break;
        }

        Assert.NotEqual(copy.Stat, FileStat.Of(copy.Path));
        Assert.Equal(Before, Read(copy));
        Assert.Equal(deed is "replace" or "delete" ? 0u : 1u, copy.Trace().Now.Names);
    }

    [Fact]
    public void Nobody_can_write_a_copy_in_memory()
    {
        using var root = new TemporaryDirectory();
        File.WriteAllBytes(root["w"], Before);
        using var copy = Take(root, memory: true);
        Assert.ThrowsAny<Exception>(() =>
        {
            using var file = File.OpenHandle(OpenFile.Link(copy.Content), FileMode.Open, FileAccess.Write);
            RandomAccess.Write(file, [1], 0);
        });
        Assert.Equal(Before, Read(copy));
    }

    [Fact]
    public void A_file_is_copied_once_however_many_ask_and_again_when_it_has_changed()
    {
        using var root = new TemporaryDirectory();
        var copies = new PrivateCopies();
        File.WriteAllBytes(root["w"], Before);
        var first = Take(root, memory: false, copies);
        using (var second = Take(root, memory: false, copies)) Assert.Same(first, second);
        Assert.Equal(Before.Length, copies.Bytes);
        File.AppendAllText(root["w"], "more");
        using (var changed = Take(root, memory: false, copies)) Assert.Equal(Before.Length + 4, Read(changed).Length);
        Assert.Equal(Before, Read(first));
        first.Dispose();
        Assert.Equal(0, copies.Bytes);
        Assert.True(first.Content.IsClosed);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_passed_over_and_none_at_all_is_said()
    {
        using var root = new TemporaryDirectory();
        File.WriteAllBytes(root["w"], Before);
        using var folder = OpenFolder.At(root.Path);
        using (var copy = new PrivateCopies().Take(folder, root["w"], ["/proc/self/fdinfo", root.Path],
            CancellationToken.None)) Assert.Equal(Before, Read(copy));
        Assert.Contains("see --weights-copy",
            Assert.Throws<BtxException>(() =>
            new PrivateCopies().Take(folder, root["w"], ["/proc/self/fdinfo"], CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_can_be_cancelled()
    {
        using var root = new TemporaryDirectory();
        File.WriteAllBytes(root["w"], Before);
        using var folder = OpenFolder.At(root.Path);
        Assert.Throws<OperationCanceledException>(() =>
            new PrivateCopies().Take(folder, root["w"], [], new CancellationToken(canceled: true)));
    }

    [Fact]
    public void A_mapped_copy_outlives_its_file()
    {
        using var root = new TemporaryDirectory();
        SafetensorsWriter.Write(root["w"], [("w", TensorDtype.F32, [5000])], (_, d) => d.Fill(7));
        using var file = SafetensorsFile.Open(Take(root, memory: false));
        using (var cut = File.OpenWrite(root["w"])) cut.SetLength(0); // a read of the mapped file would end the process
        var values = new float[5000];
        file.CopyTo(file["w"], values);
        Assert.Equal(values[0], values[4999]);
    }

    [Fact]
    public void A_directory_swapped_for_a_link_after_it_was_opened_is_read_no_more_than_before()
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        Directory.CreateDirectory(root["e/sub"]);
        File.WriteAllText(root["e/sub/w"], "inside");
        File.WriteAllText(outside["w"], "outside");
        using var folder = OpenFolder.At(root["e"]);
        Directory.Move(root["e"], root["away"]);
        Directory.CreateSymbolicLink(root["e"], outside.Path);
        using (var copy = new PrivateCopies().Take(folder, root["e/sub/w"], [], CancellationToken.None)) Assert.Equal("inside"u8.ToArray(),
            Read(copy));
        Assert.Equal(root["away"], folder.RealPath);
        Directory.Move(root["away/sub"], root["away/other"]);
        Directory.CreateSymbolicLink(root["away/sub"], outside.Path);
        Assert.Contains("symbolic link", Assert.Throws<BtxException>(() =>
            new PrivateCopies().Take(folder, root["e/sub/w"], [], CancellationToken.None)).Message, StringComparison.Ordinal);
    }
}
