using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>Zeroed native memory that never moves. Large ones cost physical memory only where touched.</summary>
internal sealed unsafe class NativeBuffer : SafeHandle
{
    public NativeBuffer(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)Math.Max(1, bytes)));
    }

    public long Bytes { get; }

    public override bool IsInvalid => handle == 0;

    public byte* Pointer => (byte*)handle;

    public Span<T> Span<T>(long offset, int length) where T : unmanaged => new((T*)handle + offset, length);

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}

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
