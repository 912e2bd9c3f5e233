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
