using Btx.Model.Files;
using Btx.Model.Registry;
using Btx.Model.Tensors;

namespace Btx.Model.Tests.Files;

/// <summary>Whatever is no file of its own is refused wherever it lies, and nobody waits for it.</summary>
public sealed class FolderTreeTests
{
    private static string Problem(string directory) =>
        Assert.Throws<BtxException>(() => FolderTree.Check(directory, "expert \"x\"")).Message;

    [Theory]
    [MemberData(nameof(HostileEntry.All), MemberType = typeof(HostileEntry))]
    public void A_hostile_entry_is_named_at_every_depth(string kind, string words)
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        foreach (var at in new[] { "", "sub", "sub/a/b/c" })
        {
            Directory.CreateDirectory(root[at]);
            FolderTree.Check(root.Path, "m");
            var path = Path.Combine(root[at], "w.safetensors");
            HostileEntry.Make(kind, path, outside.Path);
            var message = Problem(root.Path);
            Assert.StartsWith($"expert \"x\": {path} ", message, StringComparison.Ordinal);
            Assert.Contains(words, message, StringComparison.Ordinal);
            Assert.Contains("replace it by a copy, or take it away", message, StringComparison.Ordinal);
            File.Delete(path);
        }
    }

    [Fact]
    public void A_device_is_refused_without_being_opened() =>
        Assert.Contains("a pipe, a socket or a device", Assert.Throws<BtxException>(() => OpenFile.Read("/dev/zero")).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Depth_and_count_are_bounded()
    {
        using var root = new TemporaryDirectory();
        Directory.CreateDirectory(root[string.Join('/', Enumerable.Repeat("d", FolderTree.MaxDepth))]);
        FolderTree.Check(root.Path, "m");
        Directory.CreateDirectory(root[string.Join('/', Enumerable.Repeat("d", FolderTree.MaxDepth + 2))]);
        Assert.Contains($"more than {FolderTree.MaxDepth} directories inside each other", Problem(root.Path), StringComparison.Ordinal);
        Directory.Delete(root["d"], recursive: true);
        for (var i = 0; i <= FolderTree.MaxEntries; i++) File.Create(root[$"{i}"]).Dispose();
        Assert.Contains($"more than {FolderTree.MaxEntries} files", Problem(root.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_can_be_cancelled()
    {
        using var root = new TemporaryDirectory();
        File.WriteAllText(root["a"], "");
        Assert.Throws<OperationCanceledException>(() => FolderTree.Check(root.Path, "m", new CancellationToken(canceled: true)));
    }

    [Theory]
    [MemberData(nameof(HostileEntry.All), MemberType = typeof(HostileEntry))]
    public void A_purge_takes_the_name_and_says_what_is_left(string kind, string words)
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        Directory.CreateDirectory(root["e/sub"]);
        File.WriteAllText(root["e/model.safetensors"], "weights");
        HostileEntry.Make(kind, root["e/sub/w"], outside.Path);
        var found = ExpertPurge.Files(root["e"]);
        var files = ExpertPurge.Delete(root["e"]).Certify(root["e"], found, []);
        Assert.False(Directory.Exists(root["e"]));
        Assert.Equal("outside", File.ReadAllText(outside["w.safetensors"]));
        Assert.Equal(["model.safetensors", "sub/w"], files.Select(f => f.Path));
        Assert.Equal((true, null), (files[0].Deleted, files[0].Remains));
        if (kind is "pipe" or "socket") Assert.True(files[1].Deleted);
        else Assert.Contains(words, (files[1].Deleted ? "" : files[1].Remains)!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_purge_does_not_call_deleted_what_it_did_not_see_go()
    {
        using var root = new TemporaryDirectory();
        Directory.CreateDirectory(root["e"]);
        var weights = root["e/model.safetensors"];
        File.WriteAllText(weights, "weights");
        File.WriteAllText(root["e/config.json"], "{}");
        using var folder = OpenFolder.At(root["e"]);
        using var copy = new PrivateCopies().Take(folder, weights, [root.Path], CancellationToken.None);
        using var trace = copy.Trace();
        var found = ExpertPurge.Files(root["e"]);
        File.Move(weights, root["moved"]);
        File.Delete(root["e/config.json"]);
        File.WriteAllText(weights, "weights");
        var files = ExpertPurge.Delete(root["e"]).Certify(root["e"], found, [trace]);
        Assert.Equal(["config.json", "model.safetensors"], files.Where(f => !f.Deleted).Select(f => f.Path));
        Assert.Contains("was not at its place", files[0].Remains, StringComparison.Ordinal);
        Assert.Contains($"it lies at {root["moved"]}", files[1].Remains, StringComparison.Ordinal);
        File.Delete(root["moved"]);
        Assert.True(ExpertPurge.Delete(root["e"]).Certify(root["e"], found, [trace])[1].Deleted);
    }

    [Fact]
    public void A_directory_that_became_a_link_is_not_emptied()
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        File.WriteAllText(outside["w"], "");
        Directory.CreateSymbolicLink(root["e"], outside.Path);
        Assert.Contains("nothing of it was deleted", Assert.Throws<BtxException>(() => ExpertPurge.Delete(root["e"])).Message,
            StringComparison.Ordinal);
        Assert.True(File.Exists(outside["w"]));
    }

    [Theory]
    [MemberData(nameof(HostileEntry.All), MemberType = typeof(HostileEntry))]
    public void Weights_in_a_place_that_an_index_names_are_opened_without_following(string kind, string words)
    {
        using var root = new TemporaryDirectory();
        using var outside = new TemporaryDirectory();
        File.WriteAllText(root[CheckpointFiles.IndexFile], """{"weight_map":{"a":"sub/w.safetensors"}}""");
        if (kind == "link to a directory") HostileEntry.Make(kind, root["sub"], outside.Path);
        else
        {
            Directory.CreateDirectory(root["sub"]);
            HostileEntry.Make(kind, root["sub/w.safetensors"], outside.Path);
        }

        using var folder = OpenFolder.At(root.Path);
        var path = Assert.Single(CheckpointFiles.Weights(root.Path));
        Assert.Contains(words, Assert.Throws<BtxException>(() =>
            new PrivateCopies().Take(folder, path, [], CancellationToken.None)).Message, StringComparison.Ordinal);
    }
}
