namespace Btx.Peers;

/// <summary>A library that generates. One thread calls it.</summary>
internal interface IPeerModel : IDisposable
{
    PeerDescription Description { get; }

    /// <summary>Requests that are being generated.</summary>
    int Running { get; }

    /// <summary>How long to wait for more requests before the first step of a batch that nobody can join later;
    /// zero where requests join at any step.</summary>
    TimeSpan Gather { get; }

    /// <summary>Takes a request in, to be run from the next <see cref="Step"/> on; false: there is no room now.</summary>
    bool TryAdd(PeerRequest request);

    /// <summary>One step for all that run: answers go to <paramref name="answers"/>, one token of each request, and its end.</summary>
    void Step(PeerAnswers answers);

    /// <summary>Drops a request, if it runs.</summary>
    void Cancel(long id);
}

/// <summary>What answers, said once when it is ready.</summary>
/// <param name="Name">The library and its version.</param>
/// <param name="Slots">Requests that it runs at a time.</param>
/// <param name="Context">Tokens of prompt and answer together.</param>
/// <param name="Batching">How requests share a step, in words.</param>
internal sealed record PeerDescription(string Name, int Threads, int Slots, int Context, int Vocabulary, string Precision, string Batching);

/// <summary>What a user can mend: one line that names the option or file, the value and the remedy.</summary>
internal sealed class PeerException(string message) : Exception(message);

/// <summary>A prompt to continue greedily, to exactly <see cref="MaxTokens"/> unless the context ends before.</summary>
internal sealed record PeerRequest(long Id, int[] Prompt, int MaxTokens);
