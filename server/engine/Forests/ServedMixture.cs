namespace Btx.Engine.Forests;

/// <summary>A loaded BTX model: the runner gives gates of the description's layers and experts.</summary>
/// <param name="EndTokens">Those that end a text; null: none of its own.</param>
internal sealed record ServedMixture(MixtureDescription Description, ServedModel Model, IReadOnlyList<int>? EndTokens = null);
