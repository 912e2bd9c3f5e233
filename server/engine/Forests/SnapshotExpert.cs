namespace Btx.Engine.Forests;

/// <summary>One expert of a snapshot.</summary>
internal sealed record SnapshotExpert(string Name, string Domain, ServedModel Model);
