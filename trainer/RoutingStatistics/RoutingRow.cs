namespace Btx.Trainer.RoutingStatistics;

/// <summary>One row of <c>routing.csv</c>: an expert of one layer over the training tokens since the statistic before.</summary>
/// <param name="Step">Finished steps.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="Layer">From 0.</param>
/// <param name="Expert">Its index.</param>
/// <param name="TopShare">Share of the tokens whose largest gate is the expert's.</param>
/// <param name="GateShare">Mean gate; over a layer they sum to 1.</param>
/// <param name="Entropy">Of the layer's gate shares, in bits; log2 E is even.</param>
public sealed record RoutingRow(long Step, long Tokens, int Layer, int Expert, double TopShare, double GateShare, double Entropy);
