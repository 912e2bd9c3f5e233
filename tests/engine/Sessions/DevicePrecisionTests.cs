using Btx.Engine.Sessions;
using Btx.Model.Devices;

namespace Btx.Engine.Tests.Sessions;

public sealed class DevicePrecisionTests
{
    private static readonly DeviceSpec Cuda = DeviceSpec.Parse("cuda:1");

    [Fact]
    public void The_cpu_serves_both()
    {
        Assert.Null(DevicePrecision.Problem(DeviceSpec.Cpu, "fp32"));
        Assert.Null(DevicePrecision.Problem(DeviceSpec.Cpu, "fp16"));
    }

    [Fact]
    public void Cuda_serves_half_precision_and_says_how_to_get_it()
    {
        Assert.Null(DevicePrecision.Problem(Cuda, "fp16"));
        Assert.Equal("--device cuda:1: attention on CUDA needs fp16, the forest is fp32; export with --precision fp16",
            DevicePrecision.Problem(Cuda, "fp32"));
    }
}
