using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Tensors;
using static Btx.House.Tests.Exactness.LogitParity;

namespace Btx.House.Tests.Exactness;

/// <summary>A mixture that was trained is the one that is served: the trainer's network and the exported
/// graph give the same logits for every k.</summary>
public sealed class TorchAgainstMoeTests
{
    private const int Length = 40;

    public static TheoryData<string, LlamaConfig, int[]> Moe => new()
    {
        { "four experts", TinyMoe.DefaultConfig, [] },
        { "a soft layer", TinyMoe.DefaultConfig, [0] },
        { "three experts, tied", TinyMoe.DefaultConfig with { Moe = new MoeConfig(3, 1), TieWordEmbeddings = true }, [] },
    };

    [Theory]
    [MemberData(nameof(Moe), DisableDiscoveryEnumeration = true)]
    public void Logits_agree_for_every_k_in_prefill_chunks_and_decode(string name, LlamaConfig config, int[] soft)
    {
        using var served = new ExportedMoe(new TinyMoe { Config = config, SoftLayers = soft });
        var tokens = Enumerable.Range(0, Length).Select(i => ((i * 37) + (i * i)) % config.VocabSize).ToArray();
        using var files = new ServedFiles(CheckpointFiles.Weights(served.Model));
        GraphSource source = (form, weights) =>
            LlamaGraph.Build(config, form, GraphPrecision.Fp32, weights, new RoutedExperts(config, form, GraphPrecision.Fp32, soft).Add);
        using var bound = new CheckedWeights(config, files.Files, null, source, GraphPrecision.Fp32, DeviceSpec.Cpu);
        var graphs = Path.Combine(served.Served, GraphFolder.Name);
        using var ragged = bound.Open(graphs, GraphForm.Ragged(1), 1);
        using var decode = bound.Open(graphs, GraphForm.Decode, 1);
        using var slots = new KvSlots(config, 3, config.MaxPositionEmbeddings, GraphPrecision.Fp32);
        var experts = config.Moe!.Experts;
        var previous = Array.Empty<float>();
        for (var k = 1; k <= experts; k++)
        {
            var reference = TorchLogits(served.Model, tokens, k);
            GraphRunner Runner(Microsoft.ML.OnnxRuntime.InferenceSession session) =>
                new(session, config, slots) { ExpertsPerToken = _ => k };
            var steps = Prefill(Runner(ragged), slot: 2, tokens[..5], [5]);
            for (var past = 5; past < Length; past++) steps = [.. steps, .. Runner(decode).Decode(2, [tokens[past]], [past])];
            AssertClose(reference, Prefill(Runner(ragged), slot: 0, tokens, [Length]), $"{name}, k = {k}, prefill");
            AssertClose(reference, Prefill(Runner(ragged), slot: 1, tokens, [7, 1, 25, Length - 33]), $"{name}, k = {k}, chunked prefill");
            AssertClose(reference, steps, $"{name}, k = {k}, decode");
            Assert.NotEqual(previous, reference);
            previous = reference;
        }
    }
}
