using Btx.Model.Devices;

namespace Btx.Engine.Sessions;

/// <summary>Which precisions a device can serve.</summary>
internal static class DevicePrecision
{
    /// <param name="precision">The manifest's.</param>
    /// <param name="what">What has it, named in the fault.</param>
    /// <returns>One clear line, or null if the device serves it.</returns>
    public static string? Problem(DeviceSpec device, string precision, string what = "forest") =>
        !device.IsCuda || precision == "fp16" ? null
        : $"--device {device}: attention on CUDA needs fp16, the {what} is {precision}; export with --precision fp16";
}
