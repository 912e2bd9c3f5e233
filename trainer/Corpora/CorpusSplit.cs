namespace Btx.Trainer.Corpora;

/// <summary>The three disjoint parts of a domain's documents.</summary>
public enum CorpusSplit
{
    Train,
    Validation,
    Test,
}
