using System.Text.RegularExpressions;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Tensors;

namespace Btx.Exporter.Tests.Graphs;

public sealed partial class LlamaGraphTests
{
    private static readonly LlamaConfig Config = TinyForest.DefaultConfig;

    [Fact]
    public void Every_node_is_named_by_its_place_and_every_weight_by_its_tensor()
    {
        foreach (var form in GraphForm.Served.Append(GraphForm.GenAI))
        {
            var graph = LlamaGraph.Build(Config, form, GraphPrecision.Fp32, WeightPlacements.Placeholder).Graph;
            Assert.All(graph.Node, n => Assert.Matches(NodeName(), n.Name));
            Assert.Equal(graph.Node.Count, graph.Node.Select(n => n.Name).Distinct().Count());
            var weights = graph.Initializer.Where(i => i.Name.Contains(".weight", StringComparison.Ordinal)).ToDictionary(i => i.Name,
                i => i.Dims.ToArray());
            Assert.Equal(Config.TensorShapes().Select(t => t.Name).Order(), weights.Keys.Order());
            Assert.All(Config.TensorShapes(), t => Assert.Equal(t.Shape, weights[t.Name]));
        }

        Assert.Contains(
            LlamaGraph.Build(Config, GraphForm.Decode, GraphPrecision.Fp32, WeightPlacements.Placeholder).Graph.Node,
            n => n.Name == "/model/layers.0/attn/q_proj/MatMul");
    }

    [Fact]
    public void Inputs_and_outputs_are_those_of_the_contract()
    {
        var decode = LlamaGraph.Build(Config with { NumHiddenLayers = 1 }, GraphForm.Decode, GraphPrecision.Fp32,
            WeightPlacements.Placeholder).Graph;
        Assert.Equal(["input_ids", "seqlens_k", "total_sequence_length", "past_key_values.0.key", "past_key_values.0.value"],
            decode.Input.Select(i => i.Name));
        Assert.Equal(["present.0.key", "present.0.value", "logits"], decode.Output.Select(o => o.Name));
        var ragged = LlamaGraph.Build(Config with { NumHiddenLayers = 1 }, GraphForm.Ragged(2), GraphPrecision.Fp32,
            WeightPlacements.Placeholder).Graph;
        Assert.Equal(
            ["input_ids", "lens", "logits_index", "scored_index", "targets", "seqlens_k.0", "total_sequence_length.0", "seqlens_k.1",
             "total_sequence_length.1",
             "past_key_values.0.key.0", "past_key_values.0.value.0", "past_key_values.0.key.1", "past_key_values.0.value.1"],
            ragged.Input.Select(i => i.Name));
    }

    [Fact]
    public void Rows_of_different_sequences_share_a_step_without_touching_each_other()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1 });
        using var checkpoint = Checkpoint.Open(Path.Combine(served.Forest, "experts", "alpha"));
        var random = new Random(5);
        var texts = Enumerable.Range(0, 4)
            .Select(_ => Enumerable.Range(0, 30).Select(_ => random.Next(Config.VocabSize)).ToArray()).ToArray();
        var reference = texts.Select(t => PlainLlama.Logits(checkpoint, t)).ToArray();
        using var weights = new CheckedWeights(checkpoint, GraphPrecision.Fp32, DeviceSpec.Cpu);
        using var slots = new KvSlots(Config, 6, 64, GraphPrecision.Fp32);
        using var ragged = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(4), 1);
        using var decode = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Decode, 1);
        var runner = new GraphRunner(ragged, Config, slots);
        int[] slot = [5, 2, 3, 4], past = new int[4];
        foreach (var lengths in new int[][] { [7, 3, 12, 1], [1, 5, 4, 2], [1, 1, 1, 9], [6, 1, 2, 1] })
        {
            var rows = slot.Select((s, r) => new RaggedRow(s, past[r], texts[r][past[r]..(past[r] + lengths[r])])).ToArray();
            // Of each row only the last position, as a server asks for; the last row first.
            var ends = lengths.Select((_, r) => (long)lengths[..(r + 1)].Sum() - 1).Reverse().ToArray();
            var logits = runner.Ragged(rows, ends);
            for (var r = 0; r < 4; r++) past[r] += lengths[r];
            for (var r = 0; r < 4; r++) Near(reference[r][past[r] - 1], logits.AsSpan((3 - r) * Config.VocabSize, Config.VocabSize));
        }

        // The middle three slots go on together in the decode form, each at its own length.
        var step = new GraphRunner(decode, Config, slots).Decode(2, [texts[1][past[1]], texts[2][past[2]], texts[3][past[3]]],
            [past[1], past[2], past[3]]);
        for (var r = 1; r < 4; r++) Near(reference[r][past[r]], step.AsSpan((r - 1) * Config.VocabSize, Config.VocabSize));
    }

    [Theory] // a chunk is 32 positions
    [InlineData(1, false)]
    [InlineData(32, false)]
    [InlineData(33, true)]
    [InlineData(64, true)]
    public void Likelihoods_are_those_of_the_logits(int tokens, bool tied)
    {
        var config = Config with { MaxPositionEmbeddings = 64, TieWordEmbeddings = tied };
        using var served = new TinyServedForest(new TinyForest { Config = config, Experts = 1 });
        using var checkpoint = Checkpoint.Open(Path.Combine(served.Forest, "experts", "alpha"));
        using var weights = new CheckedWeights(checkpoint, GraphPrecision.Fp32, DeviceSpec.Cpu);
        using var ragged = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(1), 1);
        using var slots = new KvSlots(config, 1, 64, GraphPrecision.Fp32);
        var runner = new GraphRunner(ragged, config, slots);
        int[] text = [.. Enumerable.Range(0, tokens).Select(i => i * 31 % config.VocabSize)];
        runner.Ragged([new RaggedRow(0, 0, text)], [.. Enumerable.Range(0, tokens).Select(i => (long)i)]);
        Assert.InRange(runner.LikelihoodDifference, 0, 1e-5);
        var checkedSoFar = runner.LikelihoodDifference;
        runner.Ragged([new RaggedRow(0, 0, text)], [0], scored: []); // none at all
        Assert.Equal(checkedSoFar, runner.LikelihoodDifference);
    }

    [Fact]
    public void Weights_read_from_their_files_give_the_same_logits_as_bound_memory()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1, Shards = 2 });
        using var checkpoint = Checkpoint.Open(Path.Combine(served.Forest, "experts", "alpha"));
        using var weights = new CheckedWeights(checkpoint, GraphPrecision.Fp32, DeviceSpec.Cpu);
        using var files = weights.OpenOnFiles(GraphForm.Ragged(1), 1);
        var tokens = CheckPlan.Tokens(Config.VocabSize, Config.MaxPositionEmbeddings);
        using var slots = new KvSlots(Config, 1, 64, GraphPrecision.Fp32);
        Near(PlainLlama.Logits(checkpoint, tokens)[^1],
            new GraphRunner(files, Config, slots).Ragged([new RaggedRow(0, 0, tokens)], [tokens.Length - 1]));
    }

    [Fact]
    public void Rope_scaling_changes_the_logits_so_that_its_check_means_something()
    {
        using var directory = new TemporaryDirectory();
        var scaled = Config with { RopeScaling = new RopeScaling("llama3", 8, 1, 4, 32), RopeTheta = 500 };
        new TinyForest { Config = Config with { RopeTheta = 500 } }.WriteExpert(directory["plain"], 1);
        new TinyForest { Config = scaled }.WriteExpert(directory["scaled"], 1);
        var tokens = CheckPlan.Tokens(Config.VocabSize, Config.MaxPositionEmbeddings);
        using var a = Checkpoint.Open(directory["plain"]);
        using var b = Checkpoint.Open(directory["scaled"]);
        var (plain, other) = (PlainLlama.Logits(a, tokens)[^1], PlainLlama.Logits(b, tokens)[^1]);
        Assert.True(plain.Zip(other, (x, y) => Math.Abs(x - y)).Max() > 1e-2 * plain.Max(Math.Abs));
    }

    private static void Near(float[] expected, ReadOnlySpan<float> actual)
    {
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs(expected[i] - actual[i]) / scale, 0, 1e-4);
    }

    [GeneratedRegex(@"^/(lm_head|model/(embed_tokens|norm|attention_mask|layers\.\d+/(input_layernorm|post_attention_layernorm|attn|mlp)))(/[a-z_]+)*/[A-Z][A-Za-z]+(\.\d+)?$")]
    private static partial Regex NodeName();
}
