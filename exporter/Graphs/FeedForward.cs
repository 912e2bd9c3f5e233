using Btx.Model.Configuration;

namespace Btx.Exporter.Graphs;

/// <summary>
/// Adds the feed-forward block of a layer to a graph: the part in which a dense Llama and a mixture differ.
/// </summary>
/// <param name="graph">The graph under construction.</param>
/// <param name="layer">Layer index from 0.</param>
/// <param name="input">Value name; shape [.., d], normalised.</param>
/// <returns>Value name; the same shape.</returns>
internal delegate string FeedForward(GraphBuilder graph, int layer, string input);

/// <summary>The dense feed-forward of Llama: down(silu(gate x) * up x).</summary>
internal static class SwiGlu
{
    public static FeedForward Of(LlamaConfig config) => (graph, layer, input) =>
    {
        string scope = $"/model/layers.{layer}/mlp", weights = $"model.layers.{layer}.mlp";
        var gate = graph.Linear($"{scope}/gate_proj", input, $"{weights}.gate_proj.weight", config.IntermediateSize, config.HiddenSize);
        var up = graph.Linear($"{scope}/up_proj", input, $"{weights}.up_proj.weight", config.IntermediateSize, config.HiddenSize);
        var sigmoid = graph.Node("Sigmoid", $"{scope}/act/Sigmoid", [gate]);
        var silu = graph.Node("Mul", $"{scope}/act/Mul", [gate, sigmoid]);
        var product = graph.Node("Mul", $"{scope}/Mul", [silu, up]);
        return graph.Linear($"{scope}/down_proj", product, $"{weights}.down_proj.weight", config.HiddenSize, config.IntermediateSize);
    };
}
