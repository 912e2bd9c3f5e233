using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Exporter.Sessions;

/// <summary>
/// Tensors of safetensors files as ONNX Runtime values over the mapped memory: no copy. Lives as long as the sessions that use it,
/// and the files as long as this.
/// </summary>
internal sealed unsafe class BoundWeights : IDisposable
{
    private readonly List<(string Name, OrtValue Value)> values = [];

    /// <param name="names">Those to bind; null for all.</param>
    public BoundWeights(IEnumerable<SafetensorsFile> files, IReadOnlySet<string>? names = null)
    {
        foreach (var file in files)
        {
            foreach (var info in file.Tensors.Values.Where(t => names?.Contains(t.Name) ?? true))
            {
                values.Add((info.Name, OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, ElementType(info.Dtype),
                    [.. info.Shape], (nint)file.Pointer(info), info.Length)));
            }
        }
    }

    public static TensorElementType ElementType(TensorDtype dtype) => dtype switch
    {
        TensorDtype.F16 => TensorElementType.Float16,
        TensorDtype.BF16 => TensorElementType.BFloat16,
        TensorDtype.U8 => TensorElementType.UInt8,
        _ => TensorElementType.Float,
    };

    public void AddTo(SessionOptions options)
    {
        foreach (var (name, value) in values) options.AddInitializer(name, value);
    }

    public void Dispose()
    {
        foreach (var (_, value) in values) value.Dispose();
    }
}
