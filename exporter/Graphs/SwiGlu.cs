using Btx.Model.Configuration;

namespace Btx.Exporter.Graphs;

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
