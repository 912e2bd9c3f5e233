using Onnx;
using static Btx.Exporter.GraphBuilder;

namespace Btx.Exporter;

/// <summary>
/// The Llama decoder as an ONNX graph with a KV cache (RMSNorm, rotary embedding, grouped-query attention, a feed-forward).
/// Weights keep their Hugging Face names and layout, so the memory of a safetensors file can be bound as it is.
/// Attention is <c>com.microsoft.GroupQueryAttention</c>; past and present of a layer may be one buffer, updated in place.
/// <code>
/// decode     input_ids int64[B,1], seqlens_k int32[B] (= past), total_sequence_length int32[] (max over rows of past + 1),
///            past_key_values.L.key|value [B, kv_heads, P, head_dim]
///         →  logits fp32[B,V], present.L.key|value
/// ragged R   input_ids int64[1,T], lens int64[R] (sum T, each ≥ 1), logits_index int64[N] (positions whose logits are wanted),
///            scored_index int64[S] (positions whose next token is known), targets int64[S] (these tokens), per row r: seqlens_k.r
///            int32[1] (= past + len - 1), total_sequence_length.r int32[] (= past + len),
///            past_key_values.L.key.r|value.r [1, kv_heads, P, head_dim]
///         →  logits fp32[N,V], log_likelihood fp32[S] (log-softmax of the targets), present.L.key.r|value.r
/// genai      input_ids int64[B,S], attention_mask int64[B,past+S], past_key_values.L.key|value
///         →  logits fp32[B,S,V], present.L.key|value
/// </code>
/// </summary>
internal sealed class LlamaGraph(LlamaConfig config, GraphForm form, GraphPrecision precision, GraphBuilder graph, FeedForward feedForward,
    int? bits)
{
    // Positions whose logits are in memory at a time where only a likelihood is asked for.
    private const int Chunk = 32;

    private (string Cos, string Sin) rotary;
    private (string SeqLens, string Total)[] rows = [];

    /// <param name="weights">Where the weights' data lies.</param>
    /// <param name="feedForward">The block after attention; a dense SwiGLU if null. Of a precision with blocks, a dense model has all its
    /// products in blocks; else the experts alone have.</param>
    /// <exception cref="BtxException">The attention operator cannot take this architecture.</exception>
    public static ModelProto Build(LlamaConfig config, GraphForm form, GraphPrecision precision, WeightPlacement weights,
        FeedForward? feedForward = null)
    {
        CheckHeadDim(config);
        var graph = new GraphBuilder($"llama {form.Name}", precision, weights);
        var bits = feedForward is null ? precision.BlockBits() : null;
        new LlamaGraph(config, form, precision, graph, feedForward ?? SwiGlu.Of(config, bits), bits).AddNetwork();
        return graph.Build();
    }

    /// <exception cref="BtxException">head_dim is not a multiple of 16.</exception>
    public static void CheckHeadDim(LlamaConfig config)
    {
        if (config.HeadDim % 16 != 0)
            throw new BtxException($"{LlamaConfig.FileName}: head_dim is {config.HeadDim}; the attention operator needs a multiple of "
                + "16, train with such a head_dim");
    }

    private void AddNetwork()
    {
        var tokens = AddTokenInputs();
        var context = config.MaxPositionEmbeddings;
        long half = config.HeadDim / 2, tableBytes = RotaryEmbedding.Bytes(config, precision.Dtype());
        rotary = (graph.Table(RotaryEmbedding.Cosine, WeightPlacements.RotaryFile, 0, context, half),
                  graph.Table(RotaryEmbedding.Sine, WeightPlacements.RotaryFile, tableBytes, context, half));

        var embedding = graph.Weight("model.embed_tokens.weight", config.VocabSize, config.HiddenSize);
        var residual = graph.Node("Gather", "/model/embed_tokens/Gather", [embedding, tokens]);         // [B,S,d]
        var normed = FirstNorm("/model/layers.0/input_layernorm", residual, "model.layers.0.input_layernorm.weight");
        for (var l = 0; l < config.NumHiddenLayers; l++)
        {
            string scope = $"/model/layers.{l}", weights = $"model.layers.{l}";
            var attended = AddAttention(l, scope, weights, normed);                                     // [B,S,d]
            (normed, residual) = SkipNorm($"{scope}/post_attention_layernorm", residual,
                attended, $"{weights}.post_attention_layernorm.weight");
            var fed = feedForward(graph, l, normed);                                                    // [B,S,d]
            var last = l + 1 == config.NumHiddenLayers;
            var (next, weight) = last ? ("/model/norm", "model.norm.weight")
                : ($"/model/layers.{l + 1}/input_layernorm", $"model.layers.{l + 1}.input_layernorm.weight");
            (normed, residual) = SkipNorm(next, residual, fed, weight);
        }

        AddHead(normed, embedding);
    }

    /// <summary>Declares the inputs of the form, in a fixed order, and says which lengths each attention node reads.</summary>
    private string AddTokenInputs()
    {
        string tokens;
        switch (form.Name)
        {
            case GraphForm.GenAIName:
                tokens = graph.Input("input_ids", ElementTypes.Int64, "batch", "sequence");
                var mask = graph.Input("attention_mask", ElementTypes.Int64, "batch", "total_sequence");
                var sum = graph.Node("ReduceSum", "/model/attention_mask/ReduceSum", [mask, graph.Constant("axis_1", 1)],
                    Int("keepdims", 0));
                var less = graph.Node("Sub", "/model/attention_mask/Sub", [sum, graph.Constant("one", 1)]);
                var lengths = graph.Node("Cast", "/model/attention_mask/seqlens_k/Cast", [less], Int("to", ElementTypes.Int32));
                var shape = graph.Node("Shape", "/model/attention_mask/Shape", [mask], Int("start", 1), Int("end", 2));
                var scalar = graph.Node("Squeeze", "/model/attention_mask/Squeeze", [shape]);
                rows = [(lengths, graph.Node("Cast", "/model/attention_mask/total/Cast", [scalar], Int("to", ElementTypes.Int32)))];
                break;
            case Model.Serving.ServedGraph.Decode:
                tokens = graph.Input("input_ids", ElementTypes.Int64, "batch", 1);
                rows = [(graph.Input("seqlens_k", ElementTypes.Int32, "batch"), graph.Input("total_sequence_length", ElementTypes.Int32))];
                break;
            default:
                tokens = graph.Input("input_ids", ElementTypes.Int64, 1, "tokens");
                graph.Input("lens", ElementTypes.Int64, form.Rows);
                graph.Input("logits_index", ElementTypes.Int64, "wanted");
                graph.Input("scored_index", ElementTypes.Int64, "scored");
                graph.Input("targets", ElementTypes.Int64, "scored");
                rows = [.. Enumerable.Range(0, form.Rows).Select(r =>
                    (graph.Input($"seqlens_k.{r}", ElementTypes.Int32, 1), graph.Input($"total_sequence_length.{r}", ElementTypes.Int32)))];
                break;
        }

        return tokens;
    }

    /// <summary>Self-attention with its four projections; one attention node per ragged row, each on its own slot.</summary>
    private string AddAttention(int layer, string scope, string weights, string normed)
    {
        long d = config.HiddenSize, q = (long)config.NumAttentionHeads * config.HeadDim,
            kv = (long)config.NumKeyValueHeads * config.HeadDim;
        // Query, key and value; in blocks they are one product, and the operator takes them as one.
        string[] projected = bits is null
            ?
            [
                graph.Linear($"{scope}/attn/q_proj", normed, $"{weights}.self_attn.q_proj.weight", q, d),
                graph.Linear($"{scope}/attn/k_proj", normed, $"{weights}.self_attn.k_proj.weight", kv, d),
                graph.Linear($"{scope}/attn/v_proj", normed, $"{weights}.self_attn.v_proj.weight", kv, d),
            ]
            : [graph.Linear($"{scope}/attn/qkv_proj", normed, $"{weights}.{BlockWeight.QueryKeyValue}", q + (2 * kv), d, bits), "", ""];
        string attended;
        if (form.Rows <= 1)
            attended = GroupQueryAttention(layer, $"{scope}/attn/GroupQueryAttention", form.Rows == 1 ? ".0" : "", projected, rows[0]);
        else
        {
            var split = projected.Select((p, i) => p == "" ? null : SplitRows($"{scope}/attn/{"qkv"[i]}/Split", p)).ToArray();
            var parts = rows.Select((lengths, r) => GroupQueryAttention(layer, $"{scope}/attn/GroupQueryAttention.{r}", $".{r}",
                [.. split.Select(s => s?[r] ?? "")], lengths)).ToArray();
            attended = graph.Node("Concat", $"{scope}/attn/Concat", parts, Int("axis", 1));
        }

        return graph.Linear($"{scope}/attn/o_proj", attended, $"{weights}.self_attn.o_proj.weight", d, q, bits);
    }

    /// <param name="projected">Query, key and value; or all three in the first.</param>
    private string GroupQueryAttention(int layer, string name, string suffix, string[] projected, (string SeqLens, string Total) lengths)
    {
        object batch = suffix.Length > 0 ? 1 : "batch";
        string pastKey = $"past_key_values.{layer}.key{suffix}", pastValue = $"past_key_values.{layer}.value{suffix}";
        string presentKey = $"present.{layer}.key{suffix}", presentValue = $"present.{layer}.value{suffix}";
        foreach (var past in new[] { pastKey, pastValue })
            graph.Input(past, graph.ElementType, batch, config.NumKeyValueHeads, "past_sequence", config.HeadDim);
        var outputs = graph.Node("GroupQueryAttention", MicrosoftDomain, name,
            [.. projected, pastKey, pastValue, lengths.SeqLens, lengths.Total, rotary.Cos, rotary.Sin],
            [$"{name}/output_0", presentKey, presentValue],
            Int("num_heads", config.NumAttentionHeads), Int("kv_num_heads", config.NumKeyValueHeads), Int("do_rotary", 1),
            Int("rotary_interleaved", 0));
        foreach (var present in new[] { presentKey, presentValue })
            graph.Output(present, graph.ElementType, batch, config.NumKeyValueHeads, "present_sequence", config.HeadDim);
        return outputs[0];
    }

    private string[] SplitRows(string name, string packed) => graph.Node("Split", "", name, [packed, "lens"],
        [.. Enumerable.Range(0, form.Rows).Select(r => $"{name}/output_{r}")], Int("axis", 1));

    private string FirstNorm(string scope, string input, string weight) =>
        graph.Node("SimplifiedLayerNormalization", $"{scope}/SimplifiedLayerNormalization",
            [input, graph.Weight(weight, config.HiddenSize)],
            Real("epsilon", (float)config.RmsNormEps), Int("axis", -1), Int("stash_type", 1));

    /// <summary>residual ← residual + x; returns RMSNorm(residual) and the residual.</summary>
    private (string Normed, string Residual) SkipNorm(string scope, string residual, string x, string weight)
    {
        var name = $"{scope}/SkipSimplifiedLayerNormalization";
        var outputs = graph.Node("SkipSimplifiedLayerNormalization", MicrosoftDomain, name,
            [residual, x, graph.Weight(weight, config.HiddenSize)],
            [$"{name}/output_0", "", "", $"{name}/output_3"], Real("epsilon", (float)config.RmsNormEps));
        return (outputs[0], outputs[3]);
    }

    /// <summary>Takes the wanted positions, then the output layer; a tied one is the embedding itself.</summary>
    private void AddHead(string normed, string embedding)
    {
        const string scope = "/lm_head";
        var weight = config.TieWordEmbeddings && bits is null ? embedding : "lm_head.weight";
        object[] shape;
        string hidden;
        switch (form.Name)
        {
            case GraphForm.GenAIName:
                (hidden, shape) = (normed, ["batch", "sequence", config.VocabSize]);                                    // [B,S,d]
                break;
            case Model.Serving.ServedGraph.Decode:
                hidden = graph.Node("Squeeze", $"{scope}/Squeeze", [normed, graph.Constant("axis_1", 1)]);              // [B,d]
                shape = ["batch", config.VocabSize];
                break;
            default:
                var all = graph.Node("Squeeze", $"{scope}/Squeeze", [normed, graph.Constant("axis_0", 0)]);             // [T,d]
                hidden = graph.Node("Gather", $"{scope}/Gather", [all, "logits_index"], Int("axis", 0));                // [N,d]
                shape = ["wanted", config.VocabSize];
                AddLikelihoods($"{scope}/scored", all, weight);
                break;
        }

        graph.Node("Cast", "", $"{scope}/Cast", [Logits(graph, scope, hidden, weight)], ["logits"], Int("to", ElementTypes.Float));
        graph.Output("logits", ElementTypes.Float, shape);
    }

    /// <summary>What each scored position gives to the token that follows, a chunk of positions at a time: their logits are never all in
    /// memory.</summary>
    private void AddLikelihoods(string scope, string all, string weight)
    {
        var count = graph.Node("Shape", $"{scope}/Shape", ["scored_index"]);
        var filled = graph.Node("Add", $"{scope}/Add", [count, graph.Constant("chunk_less_1", Chunk - 1)]);
        var chunks = graph.Node("Div", $"{scope}/Div", [filled, graph.Constant("chunk", Chunk)]);
        var likelihoods = graph.Loop(scope, chunks, graph.Nothing("no_likelihood"), (inside, turn, before) =>
        {
            var first = inside.Node("Mul", $"{scope}/Mul", [turn, graph.Constant("chunk", Chunk)]);
            var end = inside.Node("Add", $"{scope}/end/Add", [first, graph.Constant("chunk", Chunk)]);
            string Part(string name, string of) =>
                inside.Node("Slice", $"{scope}/{name}/Slice", [of, first, end, graph.Constant("axis_0", 0)]);           // [C]
            var hidden = inside.Node("Gather", $"{scope}/Gather", [all, Part("index", "scored_index")], Int("axis", 0)); // [C,d]
            var logits = inside.Node("Cast", $"{scope}/Cast", [Logits(inside, scope, hidden, weight)], Int("to", ElementTypes.Float));
            var logProbs = inside.Node("LogSoftmax", $"{scope}/LogSoftmax", [logits], Int("axis", -1));                 // [C,V]
            var axis = graph.Constant("axis_1", 1);
            var targets = inside.Node("Unsqueeze", $"{scope}/Unsqueeze", [Part("targets", "targets"), axis]);           // [C,1]
            var taken = inside.Node("GatherElements", $"{scope}/GatherElements", [logProbs, targets], Int("axis", 1));
            var next = inside.Node("Squeeze", $"{scope}/Squeeze", [taken, axis]);                                       // [C]
            return inside.Node("Concat", $"{scope}/Concat", [before, next], Int("axis", 0));
        }, ElementTypes.Float, "likelihoods");
        graph.Node("Identity", "", $"{scope}/Identity", [likelihoods], ["log_likelihood"]);
        graph.Output("log_likelihood", ElementTypes.Float, "scored");
    }

    private string Logits(GraphBuilder where, string scope, string hidden, string weight) =>
        where.Linear(scope, hidden, weight, config.VocabSize, config.HiddenSize, bits);
}
