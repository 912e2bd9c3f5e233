using System.Text.Json.Serialization;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Planning;

/// <summary>A machine to plan for. A device is what has memory of its own: a GPU, or a machine's processors together.</summary>
public sealed record MachineSpec
{
    public string Name { get; init; } = "machine";

    /// <summary>Of a device's memory, GB/s (10⁹ bytes).</summary>
    [JsonPropertyName("bandwidth_gb_per_s")]
    public required double Bandwidth { get; init; }

    /// <summary>Of a device, GiB.</summary>
    [JsonPropertyName("memory_gib")]
    public required double Memory { get; init; }

    /// <summary>In a machine.</summary>
    public int Devices { get; init; } = 1;

    /// <summary>Of a device in the precision that is served, 10¹² operations a second; null: rows are
    /// taken as free beside reading weights.</summary>
    public double? Teraflops { get; init; }

    /// <exception cref="LoadTestException">A file that cannot be read, or figures that no machine has.</exception>
    public static MachineSpec Read(string path) => RunJson.Read<MachineSpec>(path).Checked(path);

    /// <param name="source">File or options, for the message.</param>
    public MachineSpec Checked(string source)
    {
        Above("bandwidth_gb_per_s", Bandwidth, 1e6);
        Above("memory_gib", Memory, 1e6);
        Above("devices", Devices, 1024);
        if (Teraflops is { } t) Above("teraflops", t, 1e6);
        return this;

        void Above(string name, double value, double most)
        {
            if (!(value > 0 && value <= most))
                throw new LoadTestException($"{source}: {name} is {value}; expected a number above 0, to {most:#,##0}");
        }
    }
}
