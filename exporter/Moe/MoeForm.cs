namespace Btx.Exporter.Moe;

/// <summary>How a graph runs the experts.</summary>
public enum MoeForm
{
    /// <summary>Plain operators, k an input: <see cref="Graphs.RoutedExperts"/>.</summary>
    Gathered,

    /// <summary><c>com.microsoft.MoE</c>, one graph for each k: <see cref="Graphs.FusedExperts"/>.</summary>
    Fused,
}
