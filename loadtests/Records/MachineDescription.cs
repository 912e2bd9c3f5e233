namespace Btx.LoadTests.Records;

/// <param name="MemoryBytes">Physical memory.</param>
/// <param name="LoadAverage">Of the last minute, before the run.</param>
public sealed record MachineDescription(string Processor, int Cores, long MemoryBytes, string OperatingSystem, double LoadAverage);
