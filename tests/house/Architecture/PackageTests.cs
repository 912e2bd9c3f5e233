using System.Text.Json;
using Btx.House.Tests.Launcher;

namespace Btx.House.Tests.Architecture;

/// <summary>Which packages a device brings: asked of MSBuild itself, without restoring anything,
/// for not every feed has those of CUDA.</summary>
public sealed class PackageTests
{
    [Theory]
    [InlineData("trainer/Btx.Trainer.csproj", "cpu", "TorchSharp", "libtorch-cpu-linux-x64")]
    [InlineData("trainer/Btx.Trainer.csproj", "cuda", "TorchSharp", "TorchSharp-cuda-linux")]
    [InlineData("loadtests/peers/Btx.Peer.csproj", "cpu", "Microsoft.ML.OnnxRuntimeGenAI")]
    [InlineData("loadtests/peers/Btx.Peer.csproj", "cuda", "Microsoft.ML.OnnxRuntimeGenAI.Cuda")]
    [InlineData("server/host/Btx.Server.csproj", "cpu", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntimeGenAI")]
    [InlineData("server/host/Btx.Server.csproj", "cuda", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntimeGenAI")]
    [InlineData("server/engine/Btx.Engine.csproj", "cpu", "Microsoft.ML.OnnxRuntime.Gpu.Linux")]
    [InlineData("server/engine/Btx.Engine.csproj", "cuda", "Microsoft.ML.OnnxRuntime.Gpu.Linux")] // computes on both
    public void A_device_brings_the_native_packages_that_it_needs_and_no_others(string project, string device, params string[] native)
    {
        string[] known = ["TorchSharp", "libtorch-", "Microsoft.ML.OnnxRuntime"];
        var (exit, output, error) = Shell.Run("dotnet", "msbuild", Path.Combine(Repository.Root, project),
            "-getItem:PackageReference", $"-p:BtxDevice={device}");
        Assert.True(exit == 0, error + output);
        using var json = JsonDocument.Parse(output);
        var packages = json.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray()
            .Select(e => e.GetProperty("Identity").GetString()!);
        Assert.Equal(native.Order(StringComparer.Ordinal),
            packages.Where(p => known.Any(k => p.StartsWith(k, StringComparison.Ordinal))).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_image_is_built_for_cuda_runs_without_root_and_says_whether_it_is_well()
    {
        var lines = Repository.Read("Dockerfile").Split('\n');
        Assert.Contains("ARG BtxDevice=cuda", lines);
        // what the CUDA provider of ONNX Runtime 1.31 is built for
        var run = Array.FindIndex(lines, l => l.StartsWith("FROM nvidia/cuda:13.", StringComparison.Ordinal));
        Assert.True(run > 0);
        Assert.Contains(lines[run..], l => l.StartsWith("USER ", StringComparison.Ordinal) && l is not ("USER root" or "USER 0"));
        Assert.Contains(lines[run..],
            l => l.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && l.Contains("/health", StringComparison.Ordinal));
    }
}
