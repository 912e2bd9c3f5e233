namespace Btx.Trainer.Corpora.Packages;

/// <summary>A package whose archive lies on this machine.</summary>
/// <param name="Package">What was asked for.</param>
/// <param name="Version">Its version.</param>
/// <param name="Archive">Absolute path of the .deb or .tgz.</param>
/// <param name="Sha256">Lower-case hex SHA-256 of the archive.</param>
public sealed record FetchedPackage(SourcePackage Package, string Version, string Archive, string Sha256);
