namespace Btx.Trainer.Phases;

/// <summary>How a run ended whose end validation decided: what it was given, how far it went, and what the weights that were kept had been trained on.</summary>
/// <param name="Budget">Tokens that it was given.</param>
/// <param name="Stopped">Tokens after which it ended.</param>
/// <param name="Kept">Tokens behind its weights.</param>
/// <param name="BitsPerByte">Of the weights that were kept, on the windows that decided.</param>
public sealed record EarlyStop(long Budget, long Stopped, long Kept, double BitsPerByte);
