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
