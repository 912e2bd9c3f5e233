using Btx.Model.Devices;

namespace Btx.Exporter.Tests.Sessions;

public sealed class ExecutionProvidersTests
{
    private static readonly DeviceSpec Cuda = DeviceSpec.Parse("cuda:1");
    private static readonly string[] Both = ["CUDAExecutionProvider", "CPUExecutionProvider"];

    [Fact]
    public void The_cpu_is_always_there() => Assert.Null(ExecutionProviders.Problem(DeviceSpec.Cpu, ["CPUExecutionProvider"], null));

    [Fact]
    public void Cuda_with_all_its_parts_is_accepted() => Assert.Null(ExecutionProviders.Problem(Cuda, Both, null));

    [Fact]
    public void A_runtime_built_without_cuda_is_named() =>
        Assert.Contains("has no CUDAExecutionProvider (it has CPUExecutionProvider)",
        ExecutionProviders.Problem(Cuda, ["CPUExecutionProvider"], null));

    [Fact]
    public void What_the_loader_said_is_passed_on_in_one_line()
    {
        var problem = ExecutionProviders.Problem(Cuda, Both, "libcudnn.so.9: cannot open\nshared object file")!;
        Assert.Contains("--device cpu", problem, StringComparison.Ordinal);
        Assert.Contains(@"libcudnn.so.9: cannot open\nshared object file", problem);
        Assert.DoesNotContain('\n', problem);
    }
}
