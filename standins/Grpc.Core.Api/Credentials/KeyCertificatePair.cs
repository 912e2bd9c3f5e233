namespace Grpc.Core;

/// <summary>A certificate chain and its private key, both PEM text.</summary>
public sealed class KeyCertificatePair
{
    public KeyCertificatePair(string certificateChain, string privateKey)
    {
        ArgumentNullException.ThrowIfNull(certificateChain);
        ArgumentNullException.ThrowIfNull(privateKey);
        (CertificateChain, PrivateKey) = (certificateChain, privateKey);
    }

    public string CertificateChain { get; }

    public string PrivateKey { get; }
}
