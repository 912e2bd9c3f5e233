namespace Btx.Model.Serving;

/// <summary>
/// The weights in a served graph are placeholders into a file of zero bytes; whoever opens a session overrides each by its Hugging Face
/// name. An optimizer that wants to read them at load must stay off: on the CPU, ONNX Runtime would otherwise fold the casts of fp16
/// weights into fp32 copies, and fail for want of data.
/// </summary>
public static class PlaceholderWeights
{
    /// <summary>Session configuration entry to set.</summary>
    public const string OptionKey = "optimization.disable_specified_optimizers";

    /// <summary>Its value.</summary>
    public const string OptionValue = "FuseFp16InitializerToFp32NodeTransformer";
}
