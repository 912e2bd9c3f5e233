namespace Btx.Model.Registry;

/// <summary>
/// What was found at a removal, and does not follow from the states before and after it: recorded
/// in the journal before the certificate that says
/// the same is written.
/// </summary>
/// <param name="Files">Of each removed expert, by name, with what became of them.</param>
/// <param name="MixtureBeforeSha256">See <see cref="RemovalCertificate.MixtureBeforeSha256"/>.</param>
public sealed record CertifiedFindings(
    IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>> Files, CertifiedCaches Caches, EqualityCheck Equality,
    string? MixtureBeforeSha256 = null, string? MixtureAfterSha256 = null);
