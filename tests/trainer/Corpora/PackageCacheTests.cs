using System.Formats.Tar;
using System.IO.Compression;
using Btx.Model;
using Btx.Trainer.Corpora;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Tests.Corpora;

public sealed class PackageCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_package_in_the_cache_is_used_without_a_download()
    {
        var archive = folder.Write("npm/scope-texts-1.2.3.tgz", Tarball("package/data/a.txt", "hello"));
        long arrived = 0;
        var source = await Fetch(SourcePackage.Npm("@scope/texts", "1.2.3"), bytes => arrived = bytes);
        Assert.Equal(("npm", "@scope/texts", "1.2.3"), (source.Kind, source.Name, source.Version));
        Assert.Equal(new FileInfo(archive).Length, arrived);
        Assert.Equal(64, source.Sha256.Length);
        Assert.Equal("hello",
            await File.ReadAllTextAsync(Path.Combine(folder.Path, "out", "package/data/a.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_version_of_a_debian_package_is_read_from_its_archives_name()
    {
        const string control = "Package: help\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: help\n";
        folder.Write("help/DEBIAN/control", control);
        folder.Write("help/usr/share/help.txt", "help");
        Directory.CreateDirectory(Path.Combine(folder.Path, "apt"));
        await new ExternalTool("dpkg-deb", "dpkg").RunAsync(["--build", Path.Combine(folder.Path, "help"),
            Path.Combine(folder.Path, "apt/help_4%3a7.4-1+deb12u14_all.deb")], cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("4:7.4-1+deb12u14", (await Fetch(SourcePackage.Apt("help"))).Version);
        Assert.True(File.Exists(Path.Combine(folder.Path, "out/usr/share/help.txt")));
    }

    [Fact]
    public async Task A_damaged_archive_is_removed_and_named()
    {
        var archive = folder.Write("npm/texts-1.0.0.tgz", [1, 2, 3]);
        var error = await Assert.ThrowsAsync<BtxException>(() => Fetch(SourcePackage.Npm("texts", "1.0.0")));
        Assert.StartsWith(archive, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(archive));
    }

    [Fact]
    public async Task A_tarball_cannot_write_outside_its_folder()
    {
        folder.Write("npm/texts-1.0.0.tgz", Tarball("../escaped.txt", "x"));
        await Assert.ThrowsAsync<BtxException>(() => Fetch(SourcePackage.Npm("texts", "1.0.0")));
        Assert.False(File.Exists(Path.Combine(folder.Path, "escaped.txt")));
    }

    [Fact]
    public async Task A_program_that_is_not_installed_is_named_with_its_package()
    {
        var tool = new ExternalTool("no-such-program-here", "some-package");
        var error = await Assert.ThrowsAsync<BtxException>(() => tool.RunAsync([], cancellation: TestContext.Current.CancellationToken));
        Assert.Contains("apt-get install some-package", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_gets_its_input_and_gives_output_errors_and_exit_code()
    {
        var output = await new ExternalTool("sh", "dash").RunAsync(["-c", "cat; echo E: wrong >&2; exit 3"], "in"u8.ToArray(),
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("in"u8.ToArray(), output.Output);
        Assert.Equal(3, output.ExitCode);
        Assert.Equal("E: wrong", output.Cause);
    }

    [Fact]
    public async Task Cancellation_kills_a_program()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = new ExternalTool("sleep", "coreutils").RunAsync(["600"], cancellation: stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private Task<CorpusSource> Fetch(SourcePackage package, Action<long>? downloaded = null) => new PackageCache(folder.Path).FetchAsync(
        package, Path.Combine(folder.Path, "out"), downloaded ?? (_ => { }), TestContext.Current.CancellationToken);

    private static byte[] Tarball(string name, string content)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile,
                name)
            { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content)) });
        }

        return bytes.ToArray();
    }
}
