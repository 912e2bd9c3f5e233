namespace Btx.Engine.Requests;

/// <summary>Entry i belongs to predicting tokens[i+1] from tokens[0..i]. Natural logarithms.</summary>
/// <param name="LogProbs">[n−1] of the mode.</param>
/// <param name="ExpertLogProbs">[E][n−1] of each expert; null for experts that the mode did not run (average, expert).</param>
/// <param name="Posterior">[E][n−1]: the weight used there; for an average, the averaging weights.</param>
public sealed record ScoreResult(double[] LogProbs, double[]?[] ExpertLogProbs, double[][] Posterior);
