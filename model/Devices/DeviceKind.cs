namespace Btx.Model.Devices;

/// <summary>What <c>--device</c> can name.</summary>
public enum DeviceKind
{
    Cpu,
    Cuda,
}
