namespace Btx.Trainer.Phases;

/// <summary>The lowest validation of a run so far.</summary>
/// <param name="Step">Finished steps when it was measured.</param>
/// <param name="BitsPerByte">Mean over the text sources.</param>
/// <param name="Since">Validations since that were no lower.</param>
public sealed record BestValidation(long Step, double BitsPerByte, int Since);
