namespace Btx.Trainer.Corpora;

/// <summary>Where a domain's text was taken from.</summary>
/// <param name="Kind"><c>apt</c>, <c>npm</c> or <c>folder</c>.</param>
/// <param name="Name">Package name, or the folder's name.</param>
/// <param name="Version">Package version; empty for a folder.</param>
/// <param name="Sha256">SHA-256 of the package archive; for a folder, of its files' names and contents.</param>
public sealed record CorpusSource(string Kind, string Name, string Version, string Sha256);

/// <summary>One document: an id that is unique in its domain and stable from run to run, and its text.</summary>
public sealed record CorpusDocument(string Id, string Text);

/// <summary>One split of one domain on disk.</summary>
/// <param name="Path">File, relative to the corpus directory, with '/' between the parts.</param>
/// <param name="Documents">Lines in the file.</param>
/// <param name="Bytes">UTF-8 bytes of the documents' texts (without JSON's own characters).</param>
/// <param name="FileBytes">Size of the file.</param>
/// <param name="Sha256">Lower-case hex SHA-256 of the file.</param>
public sealed record CorpusShard(string Path, long Documents, long Bytes, long FileBytes, string Sha256);

/// <summary>The three disjoint parts of a domain's documents.</summary>
public enum CorpusSplit
{
    Train,
    Validation,
    Test,
}

/// <summary>What a domain is for: <see cref="Train"/> domains get an expert, <see cref="Eval"/> domains are only measured.</summary>
public enum CorpusRole
{
    Train,
    Eval,
}
