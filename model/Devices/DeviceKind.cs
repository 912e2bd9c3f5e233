namespace Btx.Model.Devices;

public enum DeviceKind
{
    Cpu,
    Cuda,
}
