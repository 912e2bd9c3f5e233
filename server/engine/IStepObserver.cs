namespace Btx.Engine;

/// <summary>Receives one report per step on the engine's thread; must be quick and not throw. The host turns reports into
/// metrics.</summary>
public interface IStepObserver
{
    void OnStep(in StepReport report);

    /// <summary>Nothing runs and nothing waits any more.</summary>
    void OnIdle();

    void OnRequestEnd(in RequestReport report);

    /// <summary>Another forest is served from the next step on; also the first, before any step.</summary>
    void OnForest(ForestDescription forest)
    {
    }
}

/// <summary>What one step did. Arrays belong to the engine and are valid only during the call.</summary>
public readonly record struct StepReport
{
    public required TimeSpan Duration { get; init; }

    /// <summary>Sequences that go on after this step.</summary>
    public required int RunningSequences { get; init; }

    public required int QueuedRequests { get; init; }

    /// <summary>Prompt tokens prefilled in this step, summed over experts.</summary>
    public required int PrefillTokens { get; init; }

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

/// <param name="Mode">The routing's mode name: ensemble, top_k, top_p, average, expert, moe; or score.</param>
public readonly record struct RequestReport(string Mode, FinishReason Finish, int PromptTokens, int CompletionTokens, TimeSpan Queued,
    TimeSpan TimeToFirstToken, TimeSpan Total);
