using Btx.Model.Devices;
using Btx.Model.Serving;

namespace Btx.Exporter;

/// <summary>What every export can be told.</summary>
public abstract record ExportSettings
{
    /// <summary>Directory to make; an earlier export there is replaced whole, unless it was served: then it has a history.</summary>
    public required string Out { get; init; }

    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>Where the self-check runs.</summary>
    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;

    /// <summary>Threads of the self-check's sessions; 0 lets ONNX Runtime choose.</summary>
    public int Threads { get; init; }

    /// <summary>Puts weights into the served directory although they could be bound where they are.</summary>
    public bool CopyWeights { get; init; }
}

/// <summary>Which forest to export.</summary>
public sealed record ExportOptions : ExportSettings
{
    /// <summary>Directory with <c>forest.json</c>.</summary>
    public required string Forest { get; init; }

    /// <summary>Names of the experts to export; null for all that are not quarantined.</summary>
    public IReadOnlyList<string>? Experts { get; init; }

    /// <summary>Makes each expert's weight directory a model directory of ONNX Runtime GenAI as well; copies weights.</summary>
    public bool GenAI { get; init; }
}

/// <summary>Which BTX model to export.</summary>
public sealed record MoeExportOptions : ExportSettings
{
    /// <summary>A Mixtral directory, with or without <c>btx.json</c>.</summary>
    public required string Model { get; init; }

    /// <summary>Null: <see cref="MoeForm.Fused"/> for a GPU, <see cref="MoeForm.Gathered"/> otherwise.</summary>
    public MoeForm? Form { get; init; }

    /// <summary>For <see cref="MoeForm.Fused"/>: the k to write graphs for; null for the router's own.</summary>
    public IReadOnlyList<int>? ExpertsPerToken { get; init; }
}

/// <summary>What an export of a forest made.</summary>
/// <param name="Directory">Absolute path of the served forest.</param>
/// <param name="Tolerance">Largest |graph − reference| / max|reference| that would have been published.</param>
/// <param name="MaxRelativeDifference">The largest that was found.</param>
/// <param name="Note">What a user should know beside it; null: nothing.</param>
public sealed record ExportReport(string Directory, ServedForestManifest Manifest, double Tolerance, double MaxRelativeDifference,
    double Seconds, string? Note = null);

/// <summary>What an export of a BTX model made.</summary>
/// <param name="BitsPerByteLoss">Bits per byte of the quality prompt that the served weights cost against fp32; 0 for fp32.</param>
public sealed record MoeExportReport(string Directory, ServedMoeManifest Manifest, double Tolerance, double BitsPerByteLoss,
    double Seconds);

/// <summary>A piece of an export.</summary>
/// <param name="Done">Pieces finished, of <paramref name="Total"/>.</param>
/// <param name="Doing">What is being done now, one line.</param>
public sealed record ExportProgress(int Done, int Total, string Doing);
