namespace Btx.Model.Mixtures;

/// <summary>What a router is fitted to: the hidden states x that one layer's router would read on the text of one domain.</summary>
/// <param name="Count">n, number of states in the sums.</param>
/// <param name="Sum">Σ x, [d]; summed in fp64.</param>
/// <param name="Gram">Σ x xᵀ, [d, d]; summed in fp64.</param>
/// <param name="Sample">Other states, [S, d], which the sums do not hold (unless the text has a single
/// window): for the scale and the accuracy.</param>
public sealed record LayerStatistics(long Count, float[] Sum, float[] Gram, float[] Sample);
