namespace Btx.Model.Tensors;

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
