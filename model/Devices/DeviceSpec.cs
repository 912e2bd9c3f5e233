namespace Btx.Model.Devices;

/// <summary>The device an option names: <c>cpu</c> or <c>cuda[:n]</c>.</summary>
public sealed record DeviceSpec(DeviceKind Kind, int Index)
{
    public static DeviceSpec Cpu { get; } = new(DeviceKind.Cpu, 0);

    public bool IsCuda => Kind == DeviceKind.Cuda;

    /// <exception cref="BtxException">The text is neither <c>cpu</c> nor <c>cuda</c> nor <c>cuda:n</c>.</exception>
    public static DeviceSpec Parse(string text)
    {
        if (text == "cpu") return Cpu;
        if (text == "cuda") return new(DeviceKind.Cuda, 0);
        if (text.StartsWith("cuda:", StringComparison.Ordinal) && text.Length is > 5 and < 9
            && text.AsSpan(5).IndexOfAnyExceptInRange('0', '9') < 0)
        {
            return new(DeviceKind.Cuda, int.Parse(text.AsSpan(5)));
        }

        throw new BtxException($"--device {text}: unknown device; use cpu, cuda or cuda:n (n = 0, 1, …)");
    }

    public override string ToString() => IsCuda ? $"cuda:{Index}" : "cpu";
}

/// <summary>What <c>--device</c> can name.</summary>
public enum DeviceKind
{
    Cpu,
    Cuda,
}
