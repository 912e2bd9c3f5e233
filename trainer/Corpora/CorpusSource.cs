namespace Btx.Trainer.Corpora;

/// <summary>Where a domain's text was taken from.</summary>
/// <param name="Kind"><c>apt</c>, <c>npm</c> or <c>folder</c>.</param>
/// <param name="Name">Package name, or the folder's name.</param>
/// <param name="Version">Package version; empty for a folder.</param>
/// <param name="Sha256">SHA-256 of the package archive; for a folder, of its files' names and contents.</param>
public sealed record CorpusSource(string Kind, string Name, string Version, string Sha256);
