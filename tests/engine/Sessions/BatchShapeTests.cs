using Btx.Engine.Sessions;
using Btx.Model.Devices;

namespace Btx.Engine.Tests.Sessions;

public sealed class BatchShapeTests
{
    private static RunRow[] Rows(params int[] slots) => [.. slots.Select(s => new RunRow(s, 5, 1, 1))];

    [Fact]
    public void Neighbouring_single_tokens_take_the_decode_graph()
    {
        Assert.True(BatchShape.IsDecode(Rows(3, 2, 4), new int[8], 16, out var first, out var span));
        Assert.Equal((2, 3), (first, span));
        Assert.True(BatchShape.IsDecode(Rows(6), new int[8], 16, out _, out _));
        Assert.True(BatchShape.IsDecode(Rows(0, 2), new int[8], 16, out _, out span));
        Assert.Equal(3, span);
    }

    [Fact]
    public void Scattered_slots_or_longer_rows_do_not()
    {
        Assert.False(BatchShape.IsDecode(Rows(0, 7), new int[8], 16, out _, out _));
        Assert.False(BatchShape.IsDecode([new RunRow(0, 5, 1, 1), new RunRow(1, 0, 4, 4)], new int[8], 16, out _, out _));
    }

    [Fact]
    public void An_unread_row_never_writes_past_the_context()
    {
        var filled = new int[8];
        filled[1] = 16;
        Assert.False(BatchShape.IsDecode(Rows(0, 2), filled, 16, out _, out _));
        Assert.True(BatchShape.IsDecode(Rows(0, 1, 2), filled, 16, out _, out _)); // there the row itself says where
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(9, 4)]
    [InlineData(40, 4)]
    public void The_smallest_bucket_that_holds_the_rows(int rows, int bucket) =>
    Assert.Equal(bucket, BatchShape.Bucket(rows, [1, 2, 4, 8, 16]));
}

public sealed class DevicePrecisionTests
{
    private static readonly EngineOptions Cpu = new(), Cuda = new() { Device = DeviceSpec.Parse("cuda:1") };

    [Fact]
    public void The_cpu_does_not_serve_half_precision_and_says_what_is_fast_there()
    {
        Assert.Null(DevicePrecision.Problem(Cpu, "fp32"));
        Assert.Null(DevicePrecision.Problem(Cpu, "int4"));
        Assert.Equal("--device cpu: the BTX model is fp16, which a CPU computes more slowly than fp32; export with --precision int8 or "
            + "fp32, or serve on CUDA", DevicePrecision.Problem(Cpu, "fp16", "BTX model"));
    }

    [Fact]
    public void Cuda_serves_half_precision_and_says_how_to_get_it()
    {
        Assert.Null(DevicePrecision.Problem(Cuda, "fp16"));
        Assert.Equal("--device cuda:1: attention on CUDA needs fp16, the forest is fp32; export with --precision fp16",
            DevicePrecision.Problem(Cuda, "fp32"));
    }
}
