using Btx.Trainer.Shards;

namespace Btx.Trainer.Checkpoints;

/// <summary>What a run needs besides weights and optimizer moments to go on exactly. The schedule is a function of the step, and the network draws no random numbers.</summary>
/// <param name="Step">Finished optimizer steps.</param>
/// <param name="Sampler">State after the last drawn window.</param>
/// <param name="Seconds">Training time so far.</param>
/// <param name="Options">Hash of the options that the run was started with.</param>
public sealed record ResumeState(long Step, SamplerState Sampler, double Seconds, string Options);
