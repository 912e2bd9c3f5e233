using Btx.Model.Devices;

namespace Btx.Engine.Sessions;

internal static class DevicePrecision
{
    /// <returns>One clear line, or null if the device serves it.</returns>
    public static string? Problem(DeviceSpec device, string precision, string what = "forest") =>
        !device.IsCuda || precision == "fp16" ? null
        : $"--device {device}: attention on CUDA needs fp16, the {what} is {precision}; export with --precision fp16";
}
