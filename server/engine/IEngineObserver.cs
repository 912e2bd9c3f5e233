namespace Btx.Engine;

/// <summary>Receives a report of every step, of every request that ends, and of every new forest, on the engine's thread; must be quick
/// and not throw.</summary>
public interface IEngineObserver
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
/// <param name="RunningSequences">Those that go on after this step.</param>
/// <param name="PrefillTokens">Prompt tokens prefilled in this step, summed over experts.</param>
/// <param name="Experts">Names, index j of the next two.</param>
/// <param name="ExpertRows">Rows (sequences) that ran on expert j.</param>
/// <param name="PosteriorMass">Posterior weight given to expert j, summed over this step's emitted tokens.</param>
/// <param name="MoeExperts">Names of the BTX model's, index n of the next two; empty where none is served.</param>
/// <param name="RoutedTokens">Tokens that expert n computed in layer l, index l·N + n; empty in a step that did not run the model.</param>
/// <param name="GateMass">Gate given to expert n in layer l, summed over tokens; index as above.</param>
public readonly record struct StepReport(TimeSpan Duration, int RunningSequences, int QueuedRequests, int PrefillTokens,
    int GeneratedTokens, ReadOnlyMemory<string> Experts, ReadOnlyMemory<int> ExpertRows, ReadOnlyMemory<double> PosteriorMass,
    ReadOnlyMemory<string> MoeExperts, ReadOnlyMemory<int> RoutedTokens, ReadOnlyMemory<double> GateMass);

/// <param name="Mode">The routing's mode name: ensemble, top_k, top_p, average, expert, moe; or score.</param>
/// <param name="QueueTime">Until it first got its slots; its whole life if it never did.</param>
public readonly record struct RequestReport(string Mode, FinishReason Finish, int PromptTokens, int CompletionTokens, TimeSpan QueueTime,
    TimeSpan TimeToFirstToken, TimeSpan Total);
