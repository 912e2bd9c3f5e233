namespace Btx.Trainer.Phases;

/// <summary>A model that a branch starts from.</summary>
/// <param name="Name">Name in the lineage.</param>
/// <param name="Weight">Its share; the shares of a branch sum to 1.</param>
/// <param name="Model">Absolute path of its Hugging Face directory.</param>
/// <param name="Sha256">Hash of its weights when the branch was decided.</param>
public sealed record BranchParent(string Name, double Weight, string Model, string Sha256);
