using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>Tensors over memory that someone else owns.</summary>
internal static unsafe class TensorViews
{
    public static OrtValue Over(OrtMemoryInfo memory, void* pointer, TensorElementType type, params long[] shape)
    {
        var bytes = (long)Size(type);
        foreach (var d in shape) bytes *= d;
        return OrtValue.CreateTensorValueWithData(memory, type, shape, (nint)pointer, bytes);
    }

    public static OrtValue Cpu(void* pointer, TensorElementType type, params long[] shape) =>
        Over(OrtMemoryInfo.DefaultInstance, pointer, type, shape);

    public static int Size(TensorElementType type) => type switch
    {
        TensorElementType.Int64 => 8,
        TensorElementType.Float16 => 2,
        TensorElementType.UInt8 or TensorElementType.Int8 => 1,
        _ => 4,
    };
}
