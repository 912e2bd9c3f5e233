using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>Which run.</summary>
/// <param name="Measurements">Points with their repeats.</param>
public sealed record RunSide(string Directory, DateTimeOffset Started, string Version, MachineDescription Machine, LoadDescription Load,
    int Measurements);
