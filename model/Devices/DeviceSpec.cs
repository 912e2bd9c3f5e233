using System.Runtime.InteropServices;

namespace Btx.Model.Devices;

/// <summary>The device an option names: <c>cpu</c> or <c>cuda[:n]</c>.</summary>
/// <param name="Index">Of the GPU; 0 for the CPU.</param>
public sealed record DeviceSpec(bool IsCuda, int Index)
{
    public static DeviceSpec Cpu { get; } = new(IsCuda: false, 0);

    /// <exception cref="BtxException">The text is neither <c>cpu</c> nor <c>cuda</c> nor <c>cuda:n</c>.</exception>
    public static DeviceSpec Parse(string text)
    {
        if (text == "cpu") return Cpu;
        if (text == "cuda") return new(IsCuda: true, 0);
        if (text.StartsWith("cuda:", StringComparison.Ordinal) && text.Length is > 5 and < 9
            && text.AsSpan(5).IndexOfAnyExceptInRange('0', '9') < 0)
            return new(IsCuda: true, int.Parse(text.AsSpan(5)));
        throw new BtxException($"--device {text}: unknown device; use cpu, cuda or cuda:n (n = 0, 1, …)");
    }

    public override string ToString() => IsCuda ? $"cuda:{Index}" : "cpu";
}

/// <summary>Which libraries ONNX Runtime's execution provider for a device needs and which are there.</summary>
/// <param name="Libraries">In the order in which they load; the first that is missing is the one to name.</param>
public sealed record ProviderLibraries(IReadOnlyList<(string Name, string Remedy, bool Found)> Libraries)
{
    private static readonly (string[] Names, string Remedy)[] Cuda =
    [
        (["libonnxruntime_providers_cuda.so"], "ONNX Runtime's CUDA provider; `./btx setup --cuda` fetches it"),
        (["libcuda.so.1"], "the NVIDIA driver; install it, or start the container with its GPUs"),
        (["libcudart.so.13", "libcudart.so.12"], "the CUDA runtime; install it or add its directory to LD_LIBRARY_PATH"),
        (["libcublasLt.so.13", "libcublasLt.so.12"], "cuBLAS; install it or add its directory to LD_LIBRARY_PATH"),
        (["libcudnn.so.9"], "cuDNN 9; install it or add its directory to LD_LIBRARY_PATH"),
    ];

    /// <summary>Looks on this machine.</summary>
    public static ProviderLibraries Of(DeviceSpec device) =>
        new(device.IsCuda ? [.. Cuda.Select(l => (l.Names[0], l.Remedy, l.Names.Any(IsThere)))] : []);

    /// <summary>One clear line that names the first missing library and the remedy; null if all are there.</summary>
    public string? Problem(DeviceSpec device)
    {
        return Libraries.FirstOrDefault(l => !l.Found) is { Name: { } name, Remedy: var remedy }
            ? $"--device {device}: {name} was not found ({remedy}), or use --device cpu" : null;
    }

    // The provider cannot be loaded by itself (it needs symbols of the runtime), so for it the file is enough.
    private static bool IsThere(string name)
    {
        if (File.Exists(Path.Combine(AppContext.BaseDirectory, name))
            || File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native", name)))
            return true;
        if (!NativeLibrary.TryLoad(name, out var handle)) return false;
        NativeLibrary.Free(handle);
        return true;
    }
}
