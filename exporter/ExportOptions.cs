using Btx.Exporter.Graphs;
using Btx.Model.Devices;

namespace Btx.Exporter;

/// <summary>What to export and where to.</summary>
public sealed record ExportOptions
{
    /// <summary>Directory with <c>forest.json</c>.</summary>
    public required string Forest { get; init; }

    /// <summary>Directory to make; an earlier served forest there is replaced whole, unless it was served: then it has a history.</summary>
    public required string Out { get; init; }

    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>Where the self-check runs.</summary>
    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;

    /// <summary>Threads of the self-check's sessions; 0 lets ONNX Runtime choose.</summary>
    public int Threads { get; init; }

    /// <summary>Names of the experts to export; null for all that are not quarantined.</summary>
    public IReadOnlyList<string>? Experts { get; init; }

    /// <summary>Puts weights into the served forest although they could be bound where they are.</summary>
    public bool CopyWeights { get; init; }

    /// <summary>Makes each expert's weight directory a model directory of ONNX Runtime GenAI as
    /// well; implies <see cref="CopyWeights"/>.</summary>
    public bool GenAI { get; init; }
}
