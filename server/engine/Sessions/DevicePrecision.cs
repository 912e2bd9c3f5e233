using Btx.Model.Devices;

namespace Btx.Engine.Sessions;

/// <summary>Which precisions a device can serve.</summary>
internal static class DevicePrecision
{
    /// <param name="precision">The served forest's: <c>fp32</c> or <c>fp16</c>.</param>
    /// <returns>One clear line, or null if the device serves it.</returns>
    public static string? Fault(DeviceSpec device, string precision) =>
        !device.IsCuda || precision == "fp16" ? null : $"--device {device}: attention on CUDA needs fp16, the forest is {precision}; export with --precision fp16";
}
