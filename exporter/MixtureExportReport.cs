using Btx.Model.Serving;

namespace Btx.Exporter;

/// <summary>What an export of a BTX model made.</summary>
/// <param name="Directory">Absolute path of the served BTX model.</param>
/// <param name="Tolerance">Largest |graph − reference| / max|reference| that would have been published.</param>
/// <param name="BitsPerByteLoss">Bits per byte of the quality prompt that the served weights cost against fp32; 0 for fp32.</param>
public sealed record MixtureExportReport(string Directory, ServedMixtureManifest Manifest, double Tolerance, double BitsPerByteLoss,
    double Seconds);
