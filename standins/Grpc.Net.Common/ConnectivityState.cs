namespace Grpc.Core;

/// <summary>The state of a channel.</summary>
public enum ConnectivityState
{
    Idle,
    Connecting,
    Ready,
    TransientFailure,
    Shutdown,
}
