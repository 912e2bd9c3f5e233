using Btx.Model.Serving;
using static Btx.Exporter.GraphBuilder;

namespace Btx.Exporter;

/// <summary>
/// Adds the feed-forward block of a layer to a graph: the part in which a dense Llama and a BTX model differ.
/// </summary>
/// <param name="graph">The graph under construction.</param>
/// <param name="layer">Layer index from 0.</param>
/// <param name="input">Value name; shape [.., d], normalised.</param>
/// <returns>Value name; the same shape.</returns>
internal delegate string FeedForward(GraphBuilder graph, int layer, string input);

/// <summary>The dense feed-forward of Llama: down(silu(gate x) * up x).</summary>
internal static class SwiGlu
{
    /// <param name="bits">See <see cref="GraphBuilder.Linear"/>.</param>
    public static FeedForward Of(LlamaConfig config, int? bits) => (graph, layer, input) =>
    {
        string scope = $"/model/layers.{layer}/mlp", weights = $"model.layers.{layer}.mlp";
        long d = config.HiddenSize, f = config.IntermediateSize;
        string gate, up;
        if (bits is null)
        {
            gate = graph.Linear($"{scope}/gate_proj", input, $"{weights}.gate_proj.weight", f, d);
            up = graph.Linear($"{scope}/up_proj", input, $"{weights}.up_proj.weight", f, d);
        }
        else
        {
            var both = graph.Linear($"{scope}/gate_up_proj", input, $"model.layers.{layer}.{BlockWeight.GateUp}", 2 * f, d, bits);
            var parts = graph.Node("Split", "", $"{scope}/Split", [both], [$"{scope}/Split/output_0", $"{scope}/Split/output_1"],
                Int("axis", -1), Int("num_outputs", 2));
            (gate, up) = (parts[0], parts[1]);
        }

        var sigmoid = graph.Node("Sigmoid", $"{scope}/act/Sigmoid", [gate]);
        var silu = graph.Node("Mul", $"{scope}/act/Mul", [gate, sigmoid]);
        var product = graph.Node("Mul", $"{scope}/Mul", [silu, up]);
        return graph.Linear($"{scope}/down_proj", product, $"{weights}.down_proj.weight", d, f, bits);
    };
}

/// <summary>A BTX model's router, and its gates as output <c>router_gates</c> fp32 [T,L,N], in either form of the experts.</summary>
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

/// <summary>
/// The feed-forward of a BTX model in plain operators: FF(x) = Σ_i g_i(W x) · FF_i(x), where g is the softmax over the k largest router
/// logits (of equal ones the lower index first) and k is an input, so the tokens of one run may differ in it. Each expert takes
/// its own tokens alone; one without tokens is a branch not taken.
/// <code>
/// adds       experts_per_token int64[T] (1..N)   →   router_gates fp32[T,L,N]
/// </code>
/// </summary>
/// <param name="softLayers">Layers in which every expert runs, whatever k is.</param>
internal sealed class RoutedExperts(LlamaConfig config, GraphForm form, GraphPrecision precision, IReadOnlyList<int> softLayers)
{
    public const string ExpertsPerToken = "experts_per_token";

    private readonly int experts = config.Moe!.Experts;
    private readonly RouterGates gates = new(config);
    private readonly bool half = precision is GraphPrecision.Fp16 or GraphPrecision.Bf16; // what experts give is summed in fp32 in any case
    private string beyond = "", zeros = "";

    /// <summary>A <see cref="FeedForward"/>; layers are added in order.</summary>
    public string Add(GraphBuilder graph, int layer, string input)
    {
        string scope = $"/model/layers.{layer}/moe", weights = $"model.layers.{layer}.";
        long d = config.HiddenSize;
        var rows = graph.Node("Reshape", $"{scope}/Reshape", [input, graph.Constant("rows", -1, d)]);                     // [T,d]
        if (layer == 0) AddShared(graph, rows);
        var gate = Route(graph, layer, rows);                                                                             // fp32 [T,N]
        gates.Add(graph, layer, gate);
        var largest = graph.Node("ReduceMax", $"{scope}/router/ReduceMax", [gate, graph.Constant("axis_0", 0)], Int("keepdims", 0));
        var any = graph.Node("Cast", $"{scope}/router/any/Cast", [largest], Int("to", ElementTypes.Bool));                // [N]
        var called = Split(graph, $"{scope}/router/any/Split", any, 0);                                                   // N × [1]
        var columns = Split(graph, $"{scope}/router/Split", gate, 1);                                                     // N × [T,1]
        var sum = zeros;
        for (var e = 0; e < experts; e++)
        {
            var (expert, before, name) = (e, sum, $"{scope}/experts.{e}");
            sum = graph.If($"{name}/If", called[e],
                branch => AddExpert(branch, name, weights, expert, rows, columns[expert], before),
                branch => branch.Node("Identity", $"{name}/none/Identity", [before]),
                ElementTypes.Float, "tokens", d);
        }

        if (half) sum = graph.Node("Cast", $"{scope}/output/Cast", [sum], Int("to", graph.ElementType));
        return graph.Node("Reshape", $"{scope}/output/Reshape",
            [sum, graph.Constant("positions", form.Name == ServedGraph.Decode ? [-1, 1, d] : [1, -1, d])]);
    }

    /// <summary>What every layer reads: which ranks lie beyond a token's k, and zeros to add to.</summary>
    private void AddShared(GraphBuilder graph, string rows)
    {
        var k = graph.Node("Unsqueeze", "/model/moe/experts_per_token/Unsqueeze",
            [graph.Input(ExpertsPerToken, ElementTypes.Int64, "tokens"), graph.Constant("axis_1", 1)]);
        var ranks = graph.Constant("ranks", [.. Enumerable.Range(0, experts).Select(i => (long)i)]);
        beyond = graph.Node("GreaterOrEqual", "/model/moe/experts_per_token/GreaterOrEqual", [ranks, k]);                 // [T,N]
        var single = half ? graph.Node("Cast", "/model/moe/Cast", [rows], Int("to", ElementTypes.Float)) : rows;
        zeros = graph.Node("Sub", "/model/moe/Sub", [single, single]);                                                    // fp32 [T,d]
    }

    /// <returns>g, fp32 [T,N]; 0 where an expert is not taken.</returns>
    private string Route(GraphBuilder graph, int layer, string rows)
    {
        var scope = $"/model/layers.{layer}/moe/router";
        var logits = RouterGates.Single(graph, layer, RouterGates.Logits(graph, config, layer, rows));
        if (softLayers.Contains(layer)) return graph.Node("Softmax", $"{scope}/Softmax", [logits], Int("axis", 1));
        var sorted = graph.Node(
            "TopK", "", $"{scope}/TopK", [logits, graph.Constant("experts", experts)], [$"{scope}/TopK/output_0", $"{scope}/TopK/output_1"],
            Int("axis", 1), Int("largest", 1), Int("sorted", 1));
        var taken = graph.Node("Where", $"{scope}/Where", [beyond, graph.Scalar("minus_infinity", float.NegativeInfinity), sorted[0]]);
        var softmax = graph.Node("Softmax", $"{scope}/Softmax", [taken], Int("axis", 1));
        return graph.Node("ScatterElements", $"{scope}/ScatterElements", [logits, sorted[1], softmax], Int("axis", 1));
    }

    /// <summary>sum[t] += g_t · FF(x_t) for the expert's tokens, each of which is there once.</summary>
    private string AddExpert(GraphBuilder graph, string scope, string layer, int expert, string rows, string column, string sum)
    {
        long d = config.HiddenSize, f = config.IntermediateSize;
        string Linear(string name, string input, string weight, long outputs, long inputs) =>
            graph.Linear($"{scope}/{name}", input, weight, outputs, inputs, precision.BlockBits());

        var flat = graph.Node("Reshape", $"{scope}/gates/Reshape", [column, graph.Constant("flat", -1)]);                 // [T]
        var places = graph.Node("NonZero", $"{scope}/NonZero", [flat]);                                                   // [1,n]
        var tokens = graph.Node("Transpose", $"{scope}/Transpose", [places]);                                             // [n,1]
        var x = graph.Node("GatherND", $"{scope}/GatherND", [rows, tokens]);                                              // [n,d]
        var g = graph.Node("GatherND", $"{scope}/gates/GatherND", [column, tokens]);                                      // [n,1]
        var gate = Linear("w1", x, layer + MoeConfig.GateTensor(expert), f, d);
        var up = Linear("w3", x, layer + MoeConfig.UpTensor(expert), f, d);
        var sigmoid = graph.Node("Sigmoid", $"{scope}/act/Sigmoid", [gate]);
        var silu = graph.Node("Mul", $"{scope}/act/Mul", [gate, sigmoid]);
        var product = graph.Node("Mul", $"{scope}/Mul", [silu, up]);
        var y = Linear("w2", product, layer + MoeConfig.DownTensor(expert), d, f);                                    // [n,d]
        if (half) y = graph.Node("Cast", $"{scope}/fp32/Cast", [y], Int("to", ElementTypes.Float));
        var weighted = graph.Node("Mul", $"{scope}/gates/Mul", [y, g]);
        return graph.Node("ScatterND", $"{scope}/ScatterND", [sum, tokens, weighted], Text("reduction", "add"));
    }

    private string[] Split(GraphBuilder graph, string name, string value, int axis) =>
        graph.Node("Split", "", name, [value], [.. Enumerable.Range(0, experts).Select(e => $"{name}/output_{e}")], Int("axis", axis),
        Int("num_outputs", experts));
}

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
        var mixed = graph.Node("MoE", MicrosoftDomain, name,
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
