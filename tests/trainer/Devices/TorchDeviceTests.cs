using Btx.Model;
using Btx.Model.Devices;
using Btx.Trainer.Devices;
using TorchSharp;

namespace Btx.Trainer.Tests.Devices;

public sealed class TorchDeviceTests
{
    private static readonly TorchFacts Nothing = new(null, false, false, 0);

    [Fact]
    public void The_cpu_needs_libtorch_alone()
    {
        Assert.Null(TorchDevice.Refusal(DeviceSpec.Cpu, Nothing));
        Assert.Contains("libtorch cannot be loaded: no such file",
            TorchDevice.Refusal(DeviceSpec.Cpu, Nothing with { LoadError = "no such file" }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cuda", false, false, 0, "built without CUDA")]
    [InlineData("cuda", true, false, 0, "no NVIDIA driver")]
    [InlineData("cuda:1", true, true, 0, "no usable GPU")]
    [InlineData("cuda:1", true, true, 1, "has 1 (cuda:0)")]
    [InlineData("cuda:4", true, true, 4, "cuda:0 to cuda:3")]
    public void A_missing_part_is_named(string device, bool library, bool driver, int count, string expected)
    {
        var refusal = TorchDevice.Refusal(DeviceSpec.Parse(device), new TorchFacts(null, library, driver, count));
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
        Assert.Contains($"--device {DeviceSpec.Parse(device)}", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal!);
    }

    [Fact]
    public void A_present_gpu_is_accepted() =>
    Assert.Null(TorchDevice.Refusal(DeviceSpec.Parse("cuda:1"), new TorchFacts(null, true, true, 2)));

    [Fact]
    public void Opening_sets_the_threads_and_never_falls_back()
    {
        var before = torch.get_num_threads();
        Assert.Equal(DeviceType.CPU, TorchDevice.Open(DeviceSpec.Cpu, 2).type);
        Assert.Equal(2, torch.get_num_threads());
        torch.set_num_threads(before);
        Assert.Throws<BtxException>(() => TorchDevice.Open(DeviceSpec.Cpu, 0));
        var facts = TorchFacts.Probe();
        Assert.Null(facts.LoadError);
        var beyond = new DeviceSpec(IsCuda: true, facts.DeviceCount);
        Assert.Throws<BtxException>(() => TorchDevice.Open(beyond, 1));
    }
}
