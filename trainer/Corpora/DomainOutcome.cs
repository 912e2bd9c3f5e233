namespace Btx.Trainer.Corpora;

/// <summary>What became of one requested domain.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Domain">The domain, or null if it could not be built.</param>
/// <param name="Reused">Whether it was there already, whole.</param>
/// <param name="Error">Why it could not be built: one line.</param>
public sealed record DomainOutcome(DomainRequest Request, CorpusDomain? Domain, bool Reused, string? Error);
