using System.Threading.Channels;
using Btx.Engine.Requests;

namespace Btx.Engine;

/// <summary>What a door (gRPC, HTTP, the command line) may ask of the engine. Thread-safe. Tests of the host have a fake.</summary>
public interface IForestEngine : IAsyncDisposable
{
    /// <summary>The forest being served now.</summary>
    ForestDescription Describe();

    /// <summary>
    /// Why nobody is answered, one line: the engine has failed, or its thread has been busy with one step for longer than
    /// <see cref="EngineOptions.StepLimit"/>, as of this moment. Null while it works.
    /// </summary>
    string? Problem { get; }

    /// <summary>Snapshots of the forest that something still holds: 1, and more while a change is
    /// under way or a request runs on what left.</summary>
    int LiveSnapshots { get; }

    /// <summary>
    /// Validates and enqueues a request. Events arrive in order and end with one that has a <see cref="TokenEvent.Finish"/>;
    /// then the channel completes. A failure inside the engine completes the channel with that exception.
    /// </summary>
    /// <param name="cancellation">Ends the request and frees its slots; the last event has <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="RequestRejectedException">Invalid request, or no room in the queue, or shutting down.</exception>
    ChannelReader<TokenEvent> Generate(GenerationRequest request, CancellationToken cancellation);

    /// <summary>Log-probabilities of a given token sequence.</summary>
    /// <exception cref="RequestRejectedException">As for <see cref="Generate"/>.</exception>
    Task<ScoreResult> ScoreAsync(ScoreRequest request, CancellationToken cancellation);

    /// <summary>Stops admitting, lets running requests finish until <paramref name="deadline"/> fires, then cancels the rest.</summary>
    Task DrainAsync(CancellationToken deadline);
}
