using Btx.Model.Configuration;
using Btx.Model.Serving;
using static Btx.Exporter.Graphs.GraphBuilder;

namespace Btx.Exporter.Graphs;

/// <summary>
/// The feed-forward of a BTX model as <c>com.microsoft.MoE</c>, which a GPU runs at once for all experts; k is built in. The gates are
/// computed beside it, for the output <c>router_gates</c> fp32 [T,L,N]. Its weights are packed: in each layer one tensor
/// [N, 2f, d] with the rows of gate and up in alternation and one [N, d, f].
/// </summary>
/// <param name="k">Experts per token.</param>
/// <param name="softLayers">Layers in which every expert runs, whatever k is.</param>
internal sealed class FusedExperts(LlamaConfig config, GraphForm form, int k, IReadOnlyList<int> softLayers)
{
    /// <summary>Names inside a layer.</summary>
    public const string GateUpTensor = "block_sparse_moe.gate_up.weight", DownTensor = "block_sparse_moe.down.weight";

    private readonly int experts = config.Moe!.Experts;
    private readonly RouterGates gates = new(config);

    /// <summary>A <see cref="FeedForward"/>; layers are added in order.</summary>
    public string Add(GraphBuilder graph, int layer, string input)
    {
        string scope = $"/model/layers.{layer}/moe", weights = $"model.layers.{layer}.";
        long d = config.HiddenSize, f = config.IntermediateSize;
        var taken = softLayers.Contains(layer) ? experts : k;
        var rows = graph.Node("Reshape", $"{scope}/Reshape", [input, graph.Constant("rows", -1, d)]);                     // [T,d]
        var logits = RouterGates.Logits(graph, config, layer, rows);                                                      // [T,N]
        gates.Add(graph, layer, Gates(graph, $"{scope}/router", RouterGates.Single(graph, layer, logits), taken));
        var name = $"{scope}/MoE";
        var mixed = graph.Node(
            "MoE", MicrosoftDomain, name,
            [rows, logits, graph.Weight(weights + GateUpTensor, experts, 2 * f, d), "", graph.Weight(weights + DownTensor, experts, d, f)],
            [$"{name}/output_0"],
            Int("k", taken), Text("activation_type", "swiglu"), Int("swiglu_fusion", 1), Real("activation_alpha", 1),
            Real("activation_beta", 0), Int("normalize_routing_weights", 1))[0];
        return graph.Node("Reshape", $"{scope}/output/Reshape",
            [mixed, graph.Constant("positions", form.Name == ServedGraph.Decode ? [-1, 1, d] : [1, -1, d])]);
    }

    private static string Gates(GraphBuilder graph, string scope, string logits, int taken)
    {
        var largest = graph.Node("TopK", "", $"{scope}/TopK", [logits, graph.Constant($"top_{taken}", taken)],
            [$"{scope}/TopK/output_0", $"{scope}/TopK/output_1"], Int("axis", 1), Int("largest", 1), Int("sorted", 1));
        var softmax = graph.Node("Softmax", $"{scope}/Softmax", [largest[0]], Int("axis", 1));
        var zeros = graph.Node("Sub", $"{scope}/Sub", [logits, logits]);
        return graph.Node("ScatterElements", $"{scope}/ScatterElements", [zeros, largest[1], softmax], Int("axis", 1));
    }
}
