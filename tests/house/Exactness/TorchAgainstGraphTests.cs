using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using static Btx.House.Tests.Exactness.LogitParity;

namespace Btx.House.Tests.Exactness;

/// <summary>What was trained is what is served: the trainer's network and the exported graph give the same logits.</summary>
public sealed class TorchAgainstGraphTests
{
    private const int Length = 48;

    public static TheoryData<string, LlamaConfig> Configs => new()
    {
        { "grouped-query, untied", TinyForest.DefaultConfig },
        { "tied", TinyForest.DefaultConfig with { TieWordEmbeddings = true } },
        { "one head for all", TinyForest.DefaultConfig with { NumKeyValueHeads = 1 } },
        { "llama3 positions", TinyForest.DefaultConfig with { RopeTheta = 500000, RopeScaling = new RopeScaling("llama3", 8, 1, 4, 32) } },
        { "linear positions", TinyForest.DefaultConfig with { RopeScaling = new RopeScaling("linear", 4) } },
    };

    [Theory]
    [MemberData(nameof(Configs))]
    public void Logits_agree_in_prefill_chunks_and_decode(string name, LlamaConfig config)
    {
        Assert.NotEmpty(name);
        using var served = new TinyServedForest(new TinyForest { Config = config, Experts = 1, Seed = 7 });
        var expert = Path.Combine(served.Forest, "experts", "alpha");
        var tokens = Enumerable.Range(0, Length).Select(i => (i * 37 + (i * i)) % config.VocabSize).ToArray();
        var reference = TorchLogits(expert, tokens);

        using var checkpoint = Checkpoint.Open(expert);
        using var weights = new CheckedWeights(checkpoint, GraphPrecision.Fp32, DeviceSpec.Cpu);
        var graphs = Path.Combine(served.Served,
            Path.GetDirectoryName(served.Report.Manifest.Graphs.First(g => g.Form == ServedGraph.Decode).File)!);
        using var ragged = weights.Open(graphs, GraphForm.Ragged(1), 1);
        using var decode = weights.Open(graphs, GraphForm.Decode, 1);
        using var slots = new KvSlots(config, 3, config.MaxPositionEmbeddings, GraphPrecision.Fp32);

        var whole = Prefill(new GraphRunner(ragged, config, slots), slot: 0, tokens, [Length]);
        var chunks = Prefill(new GraphRunner(ragged, config, slots), slot: 1, tokens, [7, 1, 25, Length - 33]);
        var steps = Prefill(new GraphRunner(ragged, config, slots), slot: 2, tokens[..5], [5]);
        for (var past = 5; past < Length; past++)
            steps = [.. steps, .. new GraphRunner(decode, config, slots).Decode(2, [tokens[past]], [past])];

        AssertClose(reference, whole, "prefill");
        AssertClose(reference, chunks, "chunked prefill");
        AssertClose(reference, steps, "decode");
    }
}
