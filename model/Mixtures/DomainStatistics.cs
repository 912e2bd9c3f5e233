namespace Btx.Model.Mixtures;

/// <summary>The hidden states of one expert's domain in every layer, and what they were computed from.</summary>
/// <param name="Expert">Name in the forest.</param>
/// <param name="Sha256">Of the expert's weights.</param>
/// <param name="Text">Key of the token shard: equal keys mean equal text under the same tokenizer.</param>
public sealed record DomainStatistics(string Expert, string Sha256, string Text, IReadOnlyList<LayerStatistics> Layers);
