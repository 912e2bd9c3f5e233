using Btx.Engine.Sessions;
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
            VocabSize = 8, HiddenSize = 8, IntermediateSize = 8, NumHiddenLayers = 2, NumAttentionHeads = 2,
            NumKeyValueHeads = 1, MaxPositionEmbeddings = 4,
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
