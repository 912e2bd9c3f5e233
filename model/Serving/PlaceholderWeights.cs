namespace Btx.Model.Serving;

/// <summary>
/// The weights in a served graph are placeholders into a file of zero bytes; whoever opens a session overrides each by its Hugging Face
/// name (<c>SessionOptions.AddInitializer</c>) and sets these entries.
/// </summary>
public static class PlaceholderWeights
{
    /// <param name="precision">The manifest's: <c>fp32</c> or <c>fp16</c>.</param>
    public static IEnumerable<(string Key, string Value)> SessionEntries(string precision)
    {
        // On the CPU this optimizer would read fp16 weights at load, to cast them once, and fail: the placeholders have no data.
        yield return ("optimization.disable_specified_optimizers", "FuseFp16InitializerToFp32NodeTransformer");
        // The CPU's fp16 norms cannot share prepacked weights between sessions, and fp16 has no matrix product there to prepack for.
        if (precision == "fp16") yield return ("session.disable_prepacking", "1");
    }
}
