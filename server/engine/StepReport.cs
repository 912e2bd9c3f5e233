namespace Btx.Engine;

/// <summary>What one step did. Arrays belong to the engine and are valid only during the call.</summary>
public readonly record struct StepReport
{
    /// <summary>Wall time of the step.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Sequences that go on after this step.</summary>
    public required int RunningSequences { get; init; }

    public required int QueuedRequests { get; init; }

    /// <summary>Prompt tokens prefilled in this step, summed over experts.</summary>
    public required int PrefillTokens { get; init; }

    /// <summary>Tokens emitted in this step.</summary>
    public required int GeneratedTokens { get; init; }

    /// <summary>Expert names, index j of the next two.</summary>
    public required ReadOnlyMemory<string> Experts { get; init; }

    /// <summary>Rows (sequences) that ran on expert j.</summary>
    public required ReadOnlyMemory<int> ExpertRows { get; init; }

    /// <summary>Posterior weight given to expert j, summed over this step's emitted tokens.</summary>
    public required ReadOnlyMemory<double> PosteriorMass { get; init; }
}
