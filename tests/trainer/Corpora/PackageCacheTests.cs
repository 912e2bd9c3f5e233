using System.Formats.Tar;
using System.IO.Compression;
using Btx.Model;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Tests.Corpora;

public sealed class PackageCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_package_in_the_cache_is_used_without_a_download()
    {
        folder.Write("npm/scope-texts-1.2.3.tgz", Tarball("package/data/a.txt", "hello"));
        var cache = new PackageCache(folder.Path);
        long arrived = 0;
        var package = await cache.FetchAsync(SourcePackage.Npm("@scope/texts", "1.2.3"), bytes => arrived = bytes,
            TestContext.Current.CancellationToken);
        Assert.Equal("1.2.3", package.Version);
        Assert.Equal(new FileInfo(package.Archive).Length, arrived);
        Assert.Equal(64, package.Sha256.Length);
        await cache.UnpackAsync(package, Path.Combine(folder.Path, "out"), TestContext.Current.CancellationToken);
        Assert.Equal("hello",
            await File.ReadAllTextAsync(Path.Combine(folder.Path, "out", "package/data/a.txt"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_version_of_a_debian_package_is_read_from_its_archives_name()
    {
        folder.Write("apt/help_4%3a7.4-1+deb12u14_all.deb", "x");
        var cache = new PackageCache(folder.Path);
        Assert.Equal("4:7.4-1+deb12u14",
            (await cache.FetchAsync(SourcePackage.Apt("help"), _ => { }, TestContext.Current.CancellationToken)).Version);
    }

    [Fact]
    public async Task A_damaged_archive_is_removed_and_named()
    {
        var archive = folder.Write("npm/texts-1.0.0.tgz", [1, 2, 3]);
        var cache = new PackageCache(folder.Path);
        var package = await cache.FetchAsync(SourcePackage.Npm("texts", "1.0.0"), _ => { }, TestContext.Current.CancellationToken);
        var error = await Assert.ThrowsAsync<BtxException>(() =>
            cache.UnpackAsync(package, Path.Combine(folder.Path, "out"), TestContext.Current.CancellationToken));
        Assert.StartsWith(archive, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(archive));
    }

    [Fact]
    public async Task A_tarball_cannot_write_outside_its_folder()
    {
        folder.Write("npm/texts-1.0.0.tgz", Tarball("../escaped.txt", "x"));
        var cache = new PackageCache(folder.Path);
        var package = await cache.FetchAsync(SourcePackage.Npm("texts", "1.0.0"), _ => { }, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<BtxException>(() =>
            cache.UnpackAsync(package, Path.Combine(folder.Path, "out"), TestContext.Current.CancellationToken));
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
