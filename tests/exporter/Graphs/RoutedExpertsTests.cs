using System.Text.RegularExpressions;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter.Tests.Graphs;

public sealed partial class RoutedExpertsTests
{
    private static readonly LlamaConfig Config = TinyMoe.DefaultConfig;

    [Fact]
    public void Every_node_is_named_by_its_place_and_every_weight_by_its_tensor()
    {
        foreach (var form in GraphForm.Served)
        {
            var graph = Build(Config, form).Graph;
            Onnx.NodeProto[] nodes = [.. graph.Node,
                .. graph.Node.SelectMany(n => n.Attribute).Where(a => a.G is not null).SelectMany(a => a.G.Node)];
            Assert.All(nodes, n => Assert.Matches(NodeName(), n.Name));
            Assert.Equal(nodes.Length, nodes.Select(n => n.Name).Distinct().Count());
            var weights = graph.Initializer.Where(i => i.Name.Contains(".weight", StringComparison.Ordinal)).ToDictionary(i => i.Name,
                i => i.Dims.ToArray());
            Assert.Equal(Config.TensorShapes().Select(t => t.Name).Order(), weights.Keys.Order());
            Assert.All(Config.TensorShapes(), t => Assert.Equal(t.Shape, weights[t.Name]));
        }
    }

    [Fact]
    public void Inputs_and_outputs_are_those_of_the_contract()
    {
        var graph = Build(Config, GraphForm.Decode).Graph;
        Assert.Contains("experts_per_token", graph.Input.Select(i => i.Name));
        Assert.Contains("router_gates", graph.Output.Select(o => o.Name));
        var fused = LlamaGraph.Build(Config, GraphForm.Decode, GraphPrecision.Fp32, WeightPlacements.Placeholder,
            new FusedExperts(Config, GraphForm.Decode, 2, [1]).Add).Graph;
        Assert.DoesNotContain("experts_per_token", fused.Input.Select(i => i.Name));
        Assert.Contains("router_gates", fused.Output.Select(o => o.Name));
        Assert.Equal([2L, 4L], fused.Node.Where(n => n.OpType == "MoE").Select(n => n.Attribute.Single(a => a.Name == "k").I));
    }

    /// <summary>A router of zeros knows no difference: the first k experts share the token equally.</summary>
    [Theory]
    [InlineData(MoeForm.Gathered)]
    [InlineData(MoeForm.Fused)]
    public void Of_equal_router_logits_the_lower_index_comes_first(MoeForm form)
    {
        using var served = new ExportedMoe(options: o =>
            o with { Form = form, ExpertsPerToken = form == MoeForm.Fused ? [1, 2, 3, 4] : null });
        using var model = new EqualRouters(served);
        for (var k = 1; k <= 4; k++)
        {
            var expected = Enumerable.Range(0, 4).Select(e => e < k ? 1f / k : 0f).ToArray();
            foreach (var gates in model.Gates(form, k).Chunk(4)) Assert.Equal(expected, gates, (a, b) => Math.Abs(a - b) < 1e-6);
        }
    }

    /// <summary>As the server opens them: weights repacked once for all sessions of a container.</summary>
    [Theory]
    [InlineData(GraphPrecision.Fp32)]
    [InlineData(GraphPrecision.Int8)]
    [InlineData(GraphPrecision.Int4)]
    public void Sessions_that_share_repacked_weights_give_the_same_logits(GraphPrecision precision)
    {
        using var served = new ExportedMoe(options: o => o with { Precision = precision });
        var manifest = ServedMoeManifest.Load(served.Served);
        using var files = new ServedFiles(manifest.Weights.Select(w => manifest.WeightsFile(served.Served, w)));
        using var bound = new BoundWeights(files.Files);
        using var container = new PrePackedWeightsContainer();
        using var options = new SessionOptions { IntraOpNumThreads = 1, EnableMemoryPattern = false };
        foreach (var (key, value) in PlaceholderWeights.SessionEntries(manifest.Precision)) options.AddSessionConfigEntry(key, value);
        bound.AddTo(options);
        using var first = new InferenceSession(Path.Combine(served.Served, "graphs", "ragged-1.onnx"), options, container);
        using var second = new InferenceSession(Path.Combine(served.Served, "graphs", "ragged-2.onnx"), options, container);
        using var plain = new CheckedWeights(Config, files.Files, null, (form, _) => Build(Config, form), precision, DeviceSpec.Cpu);
        using var reference = plain.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(1), 1);
        var tokens = CheckPlan.Tokens(Config.VocabSize, Config.MaxPositionEmbeddings);
        var expected = Run(reference, [new RaggedRow(0, 0, tokens)]);
        Near(expected, Run(first, [new RaggedRow(0, 0, tokens)]));
        var both = Run(second, [new RaggedRow(0, 0, tokens), new RaggedRow(1, 0, tokens)]);
        Near(expected, both.AsSpan(0, expected.Length));
        Near(expected, both.AsSpan(expected.Length));
    }

    /// <summary>Nothing is dropped however many tokens want the same expert, and nobody's result hangs on who else is there.</summary>
    [Fact]
    public void A_token_has_the_same_result_alone_and_in_a_crowd_of_other_k()
    {
        using var served = new ExportedMoe();
        using var files = new ServedFiles(CheckpointFiles.Weights(served.Model));
        using var weights = new CheckedWeights(Config, files.Files, null, (form, _) => Build(Config, form), GraphPrecision.Fp32,
            DeviceSpec.Cpu);
        using var session = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(16), 1);
        using var single = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(1), 1);
        var random = new Random(3);
        int[][] texts = [.. Enumerable.Range(0, 16)
            .Select(_ => Enumerable.Range(0, 9).Select(_ => random.Next(Config.VocabSize)).ToArray())];
        using var slots = new KvSlots(Config, 16, 16, GraphPrecision.Fp32);
        // k depends on the position alone, so it is the same in both; positions differ in it.
        static int K(int position) => 1 + (position % 4);
        var crowd = new GraphRunner(session, Config, slots) { ExpertsPerToken = K };
        var together = crowd.Ragged([.. texts.Select((t, r) => new RaggedRow(r, 0, t))],
            [.. Enumerable.Range(0, 16).Select(r => (long)((9 * r) + 8))]);
        for (var r = 0; r < 16; r++)
        {
            var one = new GraphRunner(single, Config, slots) { ExpertsPerToken = K };
            Near(one.Ragged([new RaggedRow(r, 0, texts[r])], [8]), together.AsSpan(r * Config.VocabSize, Config.VocabSize));
            Near(one.Gates, crowd.Gates.AsSpan(r * one.Gates.Length, one.Gates.Length));
        }
    }

    private static Onnx.ModelProto Build(LlamaConfig config, GraphForm form) =>
        LlamaGraph.Build(config, form, GraphPrecision.Fp32, WeightPlacements.Placeholder,
        new RoutedExperts(config, form, GraphPrecision.Fp32, []).Add);

    private static float[] Run(InferenceSession session, RaggedRow[] rows)
    {
        using var slots = new KvSlots(Config, 2, 32, GraphPrecision.Fp32);
        var count = rows.Sum(r => r.Tokens.Length);
        return new GraphRunner(session, Config, slots) { ExpertsPerToken = p => 1 + (p % 4) }.Ragged(rows,
            [.. Enumerable.Range(0, count).Select(i => (long)i)]);
    }

    private static void Near(float[] expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs(expected[i] - actual[i]) / scale, 0, 1e-5);
    }

    [GeneratedRegex(@"^/(lm_head|model/(embed_tokens|norm|moe|router_gates|layers\.\d+/(input_layernorm|post_attention_layernorm|attn|moe(/experts\.\d+)?)))(/[a-z_0-9]+)*/[A-Z][A-Za-z]+(\.\d+)?$")]
    private static partial Regex NodeName();

    /// <summary>The served graphs over the model's weights with every router zeroed.</summary>
    private sealed class EqualRouters(ExportedMoe served) : IDisposable
    {
        private readonly TemporaryDirectory directory = new();

        public float[] Gates(MoeForm form, int k)
        {
            var manifest = served.Report.Manifest;
            var path = directory["zero.safetensors"];
            using (var source = SafetensorsFile.Open(manifest.WeightsFile(served.Served, manifest.Weights[0])))
            {
                SafetensorsWriter.Write(path, [.. source.Tensors.Values.Select(t => (t.Name, t.Dtype, t.Shape.ToArray()))], (name, to) =>
                {
                    to.Clear();
                    if (!name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal))
                        source.CopyTo(source[name], System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(to));
                });
            }

            using var files = new ServedFiles([path]);
            int? built = form == MoeForm.Fused ? k : null;
            using var weights = new CheckedWeights(Config, files.Files, null, (f, _) => Build(Config, f), GraphPrecision.Fp32,
                DeviceSpec.Cpu);
            using var session = weights.Open(Path.Combine(served.Served, "graphs"), GraphForm.Ragged(1), 1, built);
            using var slots = new KvSlots(Config, 1, 16, GraphPrecision.Fp32);
            var runner = new GraphRunner(session, Config, slots) { ExpertsPerToken = _ => k };
            runner.Ragged([new RaggedRow(0, 0, [1, 2, 3, 4, 5])], [0]);
            return runner.Gates;
        }

        public void Dispose() => directory.Dispose();
    }
}
