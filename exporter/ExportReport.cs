using Btx.Model.Serving;

namespace Btx.Exporter;

/// <summary>What an export made.</summary>
/// <param name="Directory">Absolute path of the served forest.</param>
/// <param name="Tolerance">Largest |graph − reference| / max|reference| that would have been published.</param>
/// <param name="MaxRelativeDifference">The largest that was found.</param>
/// <param name="Note">What a user should know beside it; null: nothing.</param>
public sealed record ExportReport(string Directory, ServedForestManifest Manifest, double Tolerance, double MaxRelativeDifference,
    double Seconds,
    string? Note = null);

/// <summary>One finished or current piece of an export.</summary>
/// <param name="Done">Pieces finished.</param>
/// <param name="Total">Pieces in all.</param>
/// <param name="Doing">What is being done now, one line.</param>
public sealed record ExportProgress(int Done, int Total, string Doing);

/// <summary>What an export of a BTX model made.</summary>
/// <param name="Directory">Absolute path of the served BTX model.</param>
/// <param name="Tolerance">Largest |graph − reference| / max|reference| that would have been published.</param>
/// <param name="BitsPerByteLoss">Bits per byte of the quality prompt that the served weights cost against fp32; 0 for fp32.</param>
public sealed record MoeExportReport(string Directory, ServedMoeManifest Manifest, double Tolerance, double BitsPerByteLoss,
    double Seconds);
