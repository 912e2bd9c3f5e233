namespace Btx.Model.Registry;

/// <summary>A file of a removed expert.</summary>
/// <param name="Path">Relative to the expert's directory.</param>
/// <param name="Deleted">False: it was kept where it lies, and is not served.</param>
public sealed record CertifiedFile(string Path, long Bytes, bool Deleted);
