using Btx.Engine.Sessions;

namespace Btx.Engine.Forests;

/// <summary>A loaded BTX model: the runner gives gates of the description's layers and experts. Owned by the snapshot.</summary>
internal sealed record ServedMixture(MixtureDescription Description, IModelRunner Runner);
