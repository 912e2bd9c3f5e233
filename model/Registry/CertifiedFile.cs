namespace Btx.Model.Registry;

/// <summary>A file of a removed expert.</summary>
/// <param name="Path">Relative to the expert's directory.</param>
/// <param name="Deleted">True only if the file was seen to be gone: its last name was taken away. False: it was kept where it lies, and is
/// not served, or <paramref name="Remains"/> says what is left.</param>
/// <param name="Remains">Null: nothing is left, or no deletion was asked for.</param>
public sealed record CertifiedFile(string Path, long Bytes, bool Deleted, string? Remains = null);
