namespace Btx.Model.Serving;

/// <summary>The expert of one index of a served mixture.</summary>
/// <param name="Source">Model directory of one that is in no forest (the seed), relative to the manifest's directory or absolute.</param>
public sealed record ServedMixtureExpert(string Name, string Domain, string? Source = null);
