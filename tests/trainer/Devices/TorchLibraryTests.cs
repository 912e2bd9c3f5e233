using System.Security.Cryptography;
using Btx.Model;
using Btx.Trainer.Devices;
using Btx.Trainer.Tests.Corpora;

namespace Btx.Trainer.Tests.Devices;

public sealed class TorchLibraryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string library = TorchLibrary.Find()!;

    [Fact]
    public void A_copy_is_named_by_its_original_made_once_and_made_anew_where_it_is_damaged()
    {
        var original = File.ReadAllBytes(library);
        var copy = TorchLibrary.Copy(library, folder.Path);
        Assert.Equal($"libLibTorchSharp-{Convert.ToHexStringLower(SHA256.HashData(original))}.so", Path.GetFileName(copy));
        var bytes = File.ReadAllBytes(copy);
        Assert.Equal(StreamsRedirect.Apply(original), bytes);
        Assert.Equal(original, File.ReadAllBytes(library));

        var written = File.GetLastWriteTimeUtc(copy);
        Assert.Equal(copy, TorchLibrary.Copy(library, folder.Path));
        Assert.Equal(written, File.GetLastWriteTimeUtc(copy));

        var damaged = bytes.ToArray();
        damaged[damaged.Length / 2] ^= 1;
        foreach (var left in (byte[][])[damaged, bytes[..^1], []])
        {
            File.WriteAllBytes(copy, left);
            Assert.Equal(bytes, File.ReadAllBytes(TorchLibrary.Copy(library, folder.Path)));
        }

        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Many_at_once_find_it_whole()
    {
        var whole = StreamsRedirect.Apply(File.ReadAllBytes(library));
        Parallel.For(0, 8, _ => Assert.Equal(whole, File.ReadAllBytes(TorchLibrary.Copy(library, folder.Path))));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_cache_that_cannot_be_written_and_a_library_that_cannot_be_mended_are_named()
    {
        var file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, "no library");
        var line = Assert.Throws<BtxException>(() => TorchLibrary.Copy(library, Path.Combine(file, "below"))).Message;
        Assert.StartsWith(library, line, StringComparison.Ordinal);
        Assert.EndsWith("BTX_CACHE chooses another place", line, StringComparison.Ordinal);
        line = Assert.Throws<BtxException>(() => TorchLibrary.Copy(file, folder.Path)).Message;
        Assert.StartsWith($"{file} needs GLIBCXX_3.4.32", line, StringComparison.Ordinal);
        Assert.Contains("it is not an ELF file; use a system with GCC 13", line, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();
}
