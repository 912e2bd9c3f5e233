namespace Btx.Engine.Requests;

/// <summary>Why a request ended.</summary>
public enum FinishReason
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>End-of-sequence token or stop string.</summary>
    Stop,

    /// <summary>max_tokens or the context's end.</summary>
    Length,

    /// <summary>By the client, or by the end of the engine.</summary>
    Cancelled,

    /// <summary>A fault inside the engine, which the stream or the task ends with.</summary>
    Failed,

    /// <summary>What it asked for by name was removed from the forest; the last event says what.</summary>
    Removed,

    /// <summary>It used an expert that was removed under the policy <see cref="InFlightPolicy.Abort"/>.</summary>
    Aborted,
}
