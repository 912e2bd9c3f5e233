namespace Btx.Engine.Requests;

public enum FinishReason
{
    None,

    /// <summary>End-of-sequence token or stop string.</summary>
    Stop,

    /// <summary>max_tokens or the context's end.</summary>
    Length,

    Cancelled,

    Failed,
}
