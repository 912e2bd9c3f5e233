using Btx.Trainer.Terminal;

namespace Btx.Trainer.Evaluation;

/// <summary>What it took to train the model, or the models, behind one row, and what each token costs it.</summary>
/// <param name="Runs">Every run behind it, once.</param>
/// <param name="Complete">False where a record is missing: then the figures are lower bounds.</param>
/// <param name="ActiveParameters">Parameters that multiply for a predicted token; null where it varies.</param>
public sealed record TrainingCompute(IReadOnlyCollection<TrainedRun> Runs, bool Complete, long? ActiveParameters)
{
    public long Tokens => Runs.Sum(r => r.Tokens);

    public double Flops => Runs.Sum(r => r.Flops);

    /// <summary>Tokens by phase, in the order of training.</summary>
    public string Phases => string.Join(" + ", Runs.GroupBy(r => r.Phase)
        .Select(g => $"{Quantity.Short(g.Sum(r => r.Tokens))} {g.Key}{(g.Count() > 1 ? $" ({g.Count()})" : "")}"));
}
