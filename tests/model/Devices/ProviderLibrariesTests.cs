using Btx.Model.Devices;

namespace Btx.Model.Tests.Devices;

/// <summary>Which device can be had, and what to say if it cannot: decided without a GPU.</summary>
public sealed class ProviderLibrariesTests
{
    private static readonly DeviceSpec Cuda = DeviceSpec.Parse("cuda:1");

    private static ProviderLibraries Probe(params bool[] found) => new([.. found.Select((f, i) => ($"lib{i}.so", $"remedy {i}", f))]);

    [Fact]
    public void The_cpu_needs_nothing() => Assert.Null(ProviderLibraries.Of(DeviceSpec.Cpu).Problem(DeviceSpec.Cpu));

    [Fact]
    public void The_first_missing_library_is_named_with_its_remedy()
    {
        var problem = Probe(true, false, false).Problem(Cuda);
        Assert.NotNull(problem);
        Assert.StartsWith("--device cuda:1: lib1.so was not found (remedy 1)", problem, StringComparison.Ordinal);
        Assert.Contains("--device cpu", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void With_everything_there_nothing_is_said() => Assert.Null(Probe(true, true).Problem(Cuda));

    [Fact]
    public void The_provider_and_the_driver_are_looked_for_in_the_order_they_load()
    {
        Assert.Equal(["libonnxruntime_providers_cuda.so", "libcuda.so.1", "libcudart.so.13", "libcublasLt.so.13", "libcudnn.so.9"],
            ProviderLibraries.Of(Cuda).Libraries.Select(l => l.Name));
    }
}
