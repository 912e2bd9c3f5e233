namespace Grpc.Core;

/// <summary>Hints for writing one message.</summary>
[Flags]
public enum WriteFlags
{
    /// <summary>The message may be buffered; no flush needed now.</summary>
    BufferHint = 1,

    /// <summary>Do not compress this message.</summary>
    NoCompress = 2,
}
