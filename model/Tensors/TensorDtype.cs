namespace Btx.Model.Tensors;

/// <summary>Where a tensor lies in a safetensors file.</summary>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="Length">Bytes.</param>
public sealed record TensorInfo(string Name, TensorDtype Dtype, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>The product of the shape.</summary>
    public long ElementCount => Length / Dtype.Size();
}

/// <summary>Element type of a stored tensor. Only floating types are weights; the integer ones appear in quantised files.</summary>
public enum TensorDtype
{
    F32,
    F16,
    BF16,
    I64,
    I32,
    I8,
    U8,
}

/// <summary>Sizes, safetensors names and Hugging Face names of <see cref="TensorDtype"/>.</summary>
public static class TensorDtypes
{
    /// <summary>Bytes of an element.</summary>
    public static int Size(this TensorDtype dtype) => dtype switch
    {
        TensorDtype.F32 or TensorDtype.I32 => 4,
        TensorDtype.F16 or TensorDtype.BF16 => 2,
        TensorDtype.I64 => 8,
        _ => 1,
    };

    /// <summary>The dtype for a safetensors name (<c>F32</c>, <c>BF16</c>, …), or null.</summary>
    public static TensorDtype? Parse(string? name) => Enum.TryParse(name, out TensorDtype dtype) && dtype.ToString() == name ? dtype : null;

    /// <summary>The dtype for a <c>torch_dtype</c> of config.json.</summary>
    public static TensorDtype FromTorch(string torchDtype) => torchDtype switch
    {
        "float32" => TensorDtype.F32,
        "float16" => TensorDtype.F16,
        "bfloat16" => TensorDtype.BF16,
        _ => throw new BtxException($"torch_dtype \"{torchDtype}\" is not supported; use float32, float16 or bfloat16"),
    };

    /// <summary>Widens or copies <c>destination.Length</c> stored floats to fp32.</summary>
    public static unsafe void ToSingle(TensorDtype dtype, byte* source, Span<float> destination)
    {
        switch (dtype)
        {
            case TensorDtype.F32:
                new ReadOnlySpan<float>(source, destination.Length).CopyTo(destination);
                break;
            case TensorDtype.F16:
                var halves = (Half*)source;
                for (var i = 0; i < destination.Length; i++) destination[i] = (float)halves[i];
                break;
            case TensorDtype.BF16:
                var words = (ushort*)source;
                for (var i = 0; i < destination.Length; i++) destination[i] = BitConverter.Int32BitsToSingle(words[i] << 16);
                break;
            default:
                throw new BtxException($"a tensor of dtype {dtype} holds no weights; expected F32, F16 or BF16");
        }
    }

    /// <summary>The <c>torch_dtype</c> of weights.</summary>
    public static string TorchName(this TensorDtype dtype) => dtype switch
    {
        TensorDtype.F16 => "float16",
        TensorDtype.BF16 => "bfloat16",
        _ => "float32",
    };

    public static unsafe void FromSingle(ReadOnlySpan<float> source, TensorDtype dtype, Span<byte> destination)
    {
        fixed (byte* start = destination) FromSingle(source, dtype, start);
    }

    /// <summary>Narrows fp32 to <paramref name="dtype"/>, rounding to nearest even.</summary>
    public static unsafe void FromSingle(ReadOnlySpan<float> source, TensorDtype dtype, byte* destination)
    {
        switch (dtype)
        {
            case TensorDtype.F32:
                source.CopyTo(new Span<float>(destination, source.Length));
                break;
            case TensorDtype.F16:
                for (var i = 0; i < source.Length; i++) ((Half*)destination)[i] = (Half)source[i];
                break;
            case TensorDtype.BF16:
                for (var i = 0; i < source.Length; i++) ((ushort*)destination)[i] = ToBFloat16(source[i]);
                break;
            default:
                throw new BtxException($"cannot store weights as {dtype}; use F32, F16 or BF16");
        }
    }

    private static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
