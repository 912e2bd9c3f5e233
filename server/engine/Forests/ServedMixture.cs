namespace Btx.Engine.Forests;

/// <summary>A loaded BTX model: the runner gives gates of the description's layers and experts.</summary>
internal sealed record ServedMixture(MixtureDescription Description, ServedModel Model);
