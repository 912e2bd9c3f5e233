namespace Btx.Model.Serving;

/// <summary>The expert of one index of a served mixture.</summary>
public sealed record ServedMixtureExpert(string Name, string Domain);
