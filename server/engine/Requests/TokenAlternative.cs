namespace Btx.Engine.Requests;

/// <param name="LogProb">Natural logarithm of the mixture's probability, before sampling changes it.</param>
public readonly record struct TokenAlternative(int Token, double LogProb);
