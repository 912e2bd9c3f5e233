namespace Btx.Trainer.Corpora;

/// <summary>One split of one domain on disk.</summary>
/// <param name="Path">File, relative to the corpus directory, with '/' between the parts.</param>
/// <param name="Documents">Lines in the file.</param>
/// <param name="Bytes">UTF-8 bytes of the documents' texts (without JSON's own characters).</param>
/// <param name="FileBytes">Size of the file.</param>
/// <param name="Sha256">Lower-case hex SHA-256 of the file.</param>
public sealed record CorpusShard(string Path, long Documents, long Bytes, long FileBytes, string Sha256);
