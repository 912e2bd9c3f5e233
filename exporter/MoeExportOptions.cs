using Btx.Exporter.Graphs;
using Btx.Exporter.Moe;
using Btx.Model.Devices;

namespace Btx.Exporter;

/// <summary>Which BTX model to export and where to.</summary>
public sealed record MoeExportOptions
{
    /// <summary>A Mixtral directory, with or without <c>btx.json</c>.</summary>
    public required string Model { get; init; }

    /// <summary>Directory to make; an earlier served BTX model there is replaced whole.</summary>
    public required string Out { get; init; }

    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>Where the self-check runs.</summary>
    public DeviceSpec Device { get; init; } = DeviceSpec.Cpu;

    /// <summary>Threads of the self-check's sessions; 0 lets ONNX Runtime choose.</summary>
    public int Threads { get; init; }

    /// <summary>Null: <see cref="MoeForm.Fused"/> for a GPU, <see cref="MoeForm.Gathered"/> otherwise.</summary>
    public MoeForm? Form { get; init; }

    /// <summary>For <see cref="MoeForm.Fused"/>: the k to write graphs for; null for the router's own.</summary>
    public IReadOnlyList<int>? ExpertsPerToken { get; init; }

    /// <summary>Puts weights into the served directory although they could be bound where they are.</summary>
    public bool CopyWeights { get; init; }
}
