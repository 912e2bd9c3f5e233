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
