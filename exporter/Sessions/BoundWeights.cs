using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Exporter.Sessions;

/// <summary>
/// A checkpoint's tensors as ONNX Runtime values over its mapped memory: no copy. Lives as long as the sessions that use it,
/// and the checkpoint as long as this.
/// </summary>
internal sealed unsafe class BoundWeights : IDisposable
{
    private readonly List<(string Name, OrtValue Value)> values = [];

    public BoundWeights(Checkpoint checkpoint)
    {
        foreach (var (name, shape) in checkpoint.Config.TensorShapes())
        {
            var info = checkpoint.Info(name);
            var type = info.Dtype == TensorDtype.F16 ? TensorElementType.Float16 : TensorElementType.Float;
            values.Add((name, OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, shape, (nint)checkpoint.Pointer(name), info.Length)));
        }
    }

    public void AddTo(SessionOptions options)
    {
        foreach (var (name, value) in values) options.AddInitializer(name, value);
    }

    public void Dispose()
    {
        foreach (var (_, value) in values) value.Dispose();
    }
}
