namespace Btx.Trainer.Corpora;

/// <summary>What a domain is for: <see cref="Train"/> domains get an expert, <see cref="Eval"/> domains are only measured.</summary>
public enum CorpusRole
{
    Train,
    Eval,
}
