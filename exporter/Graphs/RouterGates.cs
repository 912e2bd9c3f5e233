using Btx.Model.Configuration;
using static Btx.Exporter.Graphs.GraphBuilder;

namespace Btx.Exporter.Graphs;

/// <summary>The router of a mixture and its gates as the output <c>router_gates</c> fp32 [T,L,N], in either form of the experts.</summary>
internal sealed class RouterGates(LlamaConfig config)
{
    public const string Output = "router_gates";

    private readonly List<string> layers = [];

    /// <returns>W x, [T,N].</returns>
    /// <param name="rows">[T,d].</param>
    public static string Logits(GraphBuilder graph, LlamaConfig config, int layer, string rows) =>
        graph.Linear($"/model/layers.{layer}/moe/router", rows, $"model.layers.{layer}.{MoeConfig.RouterTensor}",
        config.Moe!.Experts, config.HiddenSize);

    /// <summary>The logits in fp32.</summary>
    public static string Single(GraphBuilder graph, int layer, string logits) =>
        graph.ElementType == ElementTypes.Float ? logits
        : graph.Node("Cast", $"/model/layers.{layer}/moe/router/fp32/Cast", [logits], Int("to", ElementTypes.Float));

    /// <param name="gates">fp32 [T,N]; layers are added in order.</param>
    public void Add(GraphBuilder graph, int layer, string gates)
    {
        layers.Add(graph.Node("Unsqueeze", $"/model/layers.{layer}/moe/router/Unsqueeze", [gates, graph.Constant("axis_1", 1)]));
        if (layers.Count < config.NumHiddenLayers) return;
        graph.Node("Concat", "", "/model/router_gates/Concat", [.. layers], [Output], Int("axis", 1));
        graph.Output(Output, ElementTypes.Float, "tokens", config.NumHiddenLayers, config.Moe!.Experts);
    }
}
