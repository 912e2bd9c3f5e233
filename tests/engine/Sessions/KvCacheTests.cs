using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Tests.Sessions;

/// <summary>Views of the KV cache: bounded by its slots, ranges belong to who asked.</summary>
public sealed class KvCacheTests
{
    [Fact]
    public void Single_slots_are_kept_and_ranges_are_the_callers()
    {
        var config = new LlamaConfig
        {
            VocabSize = 8,
            HiddenSize = 8,
            IntermediateSize = 8,
            NumHiddenLayers = 2,
            NumAttentionHeads = 2,
            NumKeyValueHeads = 1,
            MaxPositionEmbeddings = 4,
        };
        using var cache = new KvCache(config, null!, DeviceSpec.Cpu, TensorElementType.Float, 3, 4);
        Assert.Equal(4 * 3 * 4 * 4 * 4, cache.Bytes); // two buffers a layer of 3 slots, 4 positions, 4 values of 4 bytes
        Assert.Same(cache.View(1), cache.View(1));
        var range = cache.View(1, 2);
        Assert.NotSame(range, cache.View(1, 2));
        range[0].GetTensorMutableDataAsSpan<float>()[16] = 7; // the first value of slot 2
        foreach (var value in range) value.Dispose();
        Assert.Equal(7, cache.View(2)[0].GetTensorDataAsSpan<float>()[0]);
        Assert.Equal([1, 1, 4, 4], cache.View(2)[0].GetTensorTypeAndShape().Shape);
    }
}

/// <summary>Sizes beyond what a process or a device can have are refused with the options that set them, in numbers that do not
/// overflow.</summary>
public sealed class SequenceMemoryTests
{
    private static readonly LlamaConfig Large = new()
    {
        VocabSize = 152_064,
        HiddenSize = 8192,
        IntermediateSize = 28_672,
        NumHiddenLayers = 80,
        NumAttentionHeads = 64,
        NumKeyValueHeads = 8,
        MaxPositionEmbeddings = 131_072,
    };

    [Fact]
    public void What_a_large_machine_has_is_not_refused() => new SequenceMemory(Large, 64, 131_072, 512, 2).Require(DeviceSpec.Cpu);

    [Theory]
    [InlineData(1024, 1 << 26, 512)]
    [InlineData(1, 4096, 1 << 20)]
    public void What_no_process_can_address_is(int slots, int context, int maxTokens)
    {
        var huge = Large with
        { NumKeyValueHeads = 4096, NumAttentionHeads = 4096, HeadDimOverride = 4096, NumHiddenLayers = 4096, VocabSize = 1 << 24 };
        var failure = Assert.Throws<BtxException>(() => new SequenceMemory(huge, slots, context, maxTokens, 4).Require(DeviceSpec.Cpu));
        Assert.Equal(ErrorKind.Exhausted, failure.Kind);
        Assert.Contains($"--slots {slots}, context {context}", failure.Message, StringComparison.Ordinal);
        Assert.Contains("lower --slots, --context or --max-batch-tokens", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("takes -", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_gives_no_buffer_of_4_GB()
    {
        var cuda = DeviceSpec.Parse("cuda:0");
        new SequenceMemory(Large, 14, 131_072, 512, 2).Require(cuda); // and one slot of 256 MB is scratch
        Assert.Contains("at most 4 GB", Assert.Throws<BtxException>(() =>
            new SequenceMemory(Large, 15, 131_072, 512, 2).Require(cuda)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gates_that_no_span_can_show_are_refused()
    {
        var moe = Large with { Moe = new MoeConfig(64, 2) };
        Assert.Contains("80 layers and 64 experts", Assert.Throws<BtxException>(() =>
            new SequenceMemory(moe, 16, 4096, 1 << 20, 2).Require(DeviceSpec.Cpu)).Message, StringComparison.Ordinal);
    }
}
