namespace Btx.Engine;

/// <summary>Receives one report per step on the engine's thread; must be quick and not throw. The host turns reports into
/// metrics.</summary>
public interface IStepObserver
{
    void OnStep(in StepReport report);

    /// <summary>Nothing runs and nothing waits any more.</summary>
    void OnIdle();

    /// <summary>A request ended.</summary>
    void OnRequestEnd(in RequestReport report);

    /// <summary>Another forest is served from the next step on; also the first, before any step.</summary>
    void OnForest(ForestDescription forest)
    {
    }
}
