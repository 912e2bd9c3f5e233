namespace Btx.Exporter.Checking;

/// <summary>What a plain reference computed for a text, one entry a token.</summary>
/// <param name="ExpertsPerToken">k of each token; empty for a dense model.</param>
/// <param name="Logits">[V] each.</param>
/// <param name="Gates">[L·N] each; empty for a dense model.</param>
/// <param name="Margins">
/// How narrowly the last expert was taken rather than the next: the smallest difference of the two router logits over the layers, as a
/// share of the largest. Infinite where nothing was left out or the two are equal, which has its rule.
/// </param>
internal sealed record PlainRun(int[] Tokens, int[] ExpertsPerToken, float[][] Logits, double[][] Gates, double[] Margins);
