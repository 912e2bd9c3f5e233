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

    /// <summary>Expert names of the BTX model, index n of the next two; empty where none is served.</summary>
    public ReadOnlyMemory<string> MoeExperts { get; init; }

    /// <summary>Tokens that expert n of the BTX model computed in layer l, index l·N + n; empty in a step that did not run it.</summary>
    public ReadOnlyMemory<int> RoutedTokens { get; init; }

    /// <summary>Gate given to expert n in layer l, summed over tokens; index as above.</summary>
    public ReadOnlyMemory<double> GateMass { get; init; }
}
