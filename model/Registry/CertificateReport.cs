namespace Btx.Model.Registry;

/// <summary>What the check of a certificate found.</summary>
/// <param name="Certificate">Null if the file is no certificate.</param>
/// <param name="Checks">What holds, one line each.</param>
/// <param name="Faults">What does not, one line each.</param>
public sealed record CertificateReport(RemovalCertificate? Certificate, IReadOnlyList<string> Checks, IReadOnlyList<string> Faults)
{
    public bool Valid => Faults.Count == 0;
}
