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
