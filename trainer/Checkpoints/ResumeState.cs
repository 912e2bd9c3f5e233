using Btx.Trainer.Phases;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Checkpoints;

/// <summary>What a run needs besides weights and optimizer moments to go on exactly. The schedule and a network's
/// random numbers are functions of the step.</summary>
/// <param name="Step">Finished optimizer steps.</param>
/// <param name="Sampler">State after the last drawn window.</param>
/// <param name="Seconds">Training time so far.</param>
/// <param name="Options">Hash of the options that the run was started with.</param>
public sealed record ResumeState(long Step, SamplerState Sampler, double Seconds, string Options)
{
    /// <summary>Of a mixture: the routing sums since the last statistic.</summary>
    public IReadOnlyList<double>? Routing { get; init; }

    /// <summary>Null before the first validation.</summary>
    public BestValidation? Best { get; init; }
}
