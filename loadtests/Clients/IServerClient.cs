namespace Btx.LoadTests.Clients;

/// <summary>One way to ask a server, or a peer. One instance takes any number of requests at once.</summary>
public interface IServerClient : IAsyncDisposable
{
    /// <summary>What is served.</summary>
    Task<ServedFacts> DescribeAsync(CancellationToken cancellation);

    /// <summary>Sends a request and reads its answer to the end. What goes wrong is a status, not an exception.</summary>
    /// <param name="arrivals">Told of every token as it arrives.</param>
    /// <exception cref="OperationCanceledException">By <paramref name="cancellation"/>.</exception>
    Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation);
}

/// <summary>A generation that goes on past the end-of-text token, so that the answer has the length that the load asks for.</summary>
/// <param name="Temperature">0: greedy.</param>
public sealed record CompletionRequest(string Prompt, int MaxTokens, RoutingChoice Routing, double Temperature = 1, long? Seed = null);

/// <summary>How a request ended.</summary>
/// <param name="Status"><c>ok</c>, or why not, as in <see cref="Records.RequestRecord.Status"/>.</param>
/// <param name="Finish"><c>length</c>, <c>stop</c>.</param>
/// <param name="PromptTokens">By the answer's usage; 0 where there is none.</param>
/// <param name="CompletionTokens">By the answer's usage; null where there is none.</param>
/// <param name="ExpertTokens">That each expert computed for the request.</param>
public sealed record Answer(string Status, string? Error = null, string? Finish = null, int PromptTokens = 0, int? CompletionTokens = null,
    IReadOnlyDictionary<string, double>? ExpertTokens = null)
{
    /// <summary>Every later status than these comes from a server that is there.</summary>
    public const string Ok = "ok", Unreachable = "unreachable", CutOff = "cut_off", Timeout = "timeout";

    /// <summary>A stream ended as it should. That a model left the forest on the way is a failure.</summary>
    public static Answer Ended(string? finish, string? message, int promptTokens, int? completionTokens) => finish is "removed" or "aborted"
        ? new(finish, message, finish, promptTokens, completionTokens) : new(Ok, null, finish, promptTokens, completionTokens);
}

/// <summary>What a server says that it serves.</summary>
/// <param name="Experts">Of the forest; none where only a BTX model is served.</param>
/// <param name="Domains">Of each of them; empty where the server does not say.</param>
/// <param name="MixtureExperts">Of the BTX model; none without one, or where the server does not say.</param>
/// <param name="MixtureChoices">The k that it can be asked for.</param>
/// <param name="MixtureK">Its own k; 0 without one.</param>
/// <param name="ContextLength">Tokens of prompt and answer together; 0: the server does not say.</param>
/// <param name="Precision">Empty: the server does not say.</param>
/// <param name="Identity">Hashes of what is served.</param>
public sealed record ServedFacts(IReadOnlyList<string> Experts, IReadOnlyList<string> Domains, IReadOnlyList<string> MixtureExperts,
    IReadOnlyList<int> MixtureChoices, int MixtureK, int ContextLength, string Precision, string Identity);

/// <summary>When the tokens of one answer arrived: a clock reading each, nothing else on the way.</summary>
/// <param name="expected">Tokens that are likely; more are taken too.</param>
public sealed class TokenArrivals(TimeProvider time, int expected)
{
    private long[] _times = new long[Math.Clamp(expected, 4, 1 << 16)];

    public int Count { get; private set; }

    /// <summary>A token arrived just now; or several in one piece.</summary>
    public void Token(int tokens = 1) => Token(tokens, time.GetTimestamp());

    /// <inheritdoc cref="Token(int)"/>
    public void Token(int tokens, long timestamp)
    {
        for (; tokens > 0; tokens--)
        {
            if (Count == _times.Length) Array.Resize(ref _times, 2 * Count);
            _times[Count++] = timestamp;
        }
    }

    /// <summary>A clock reading, for <see cref="Token(int, long)"/>.</summary>
    public long Now() => time.GetTimestamp();

    /// <summary>Seconds from a clock reading to the first token; null: there is none.</summary>
    public double? First(long since) => Count == 0 ? null : time.GetElapsedTime(since, _times[0]).TotalSeconds;

    /// <summary>Seconds between tokens that follow each other.</summary>
    public float[] Gaps() =>
        [.. Enumerable.Range(1, Math.Max(0, Count - 1)).Select(i => (float)time.GetElapsedTime(_times[i - 1], _times[i]).TotalSeconds)];
}
