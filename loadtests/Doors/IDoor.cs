namespace Btx.LoadTests.Doors;

/// <summary>One way into a server. One instance takes any number of requests at once.</summary>
public interface IDoor : IAsyncDisposable
{
    /// <summary><c>grpc</c>, <c>http</c>, or a peer's name.</summary>
    string Name { get; }

    /// <summary>What it serves. <exception cref="LoadTestException">It cannot be reached, or refuses.</exception></summary>
    Task<ServedModel> DescribeAsync(CancellationToken cancellation);

    /// <summary>Sends a request and reads its answer to the end. What goes wrong is a status, not an exception.</summary>
    /// <param name="arrivals">Told of every token as it arrives.</param>
    /// <exception cref="OperationCanceledException">By <paramref name="cancellation"/>.</exception>
    Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation);
}

/// <summary>How a request ended.</summary>
/// <param name="Status"><c>ok</c>, or why not, as in <see cref="Records.RequestRecord.Status"/>.</param>
public sealed record DoorAnswer(string Status)
{
    /// <summary>Every later status than these comes from a server that is there.</summary>
    public const string Ok = "ok", Unreachable = "unreachable", CutOff = "cut_off", Timeout = "timeout";

    /// <summary><c>length</c>, <c>stop</c>.</summary>
    public string? Finish { get; init; }

    public string? Error { get; init; }

    /// <summary>By the answer's usage; 0 where there is none.</summary>
    public int PromptTokens { get; init; }

    /// <summary>By the answer's usage; null where there is none.</summary>
    public int? CompletionTokens { get; init; }

    /// <summary>Tokens that each expert computed for the request.</summary>
    public IReadOnlyDictionary<string, double>? ExpertTokens { get; init; }

    /// <summary>A stream ended as it should. That a model left the forest on the way is a failure.</summary>
    public static DoorAnswer Ended(string? finish, string? message) => finish is "removed" or "aborted"
        ? new(finish) { Finish = finish, Error = message } : new(Ok) { Finish = finish };
}

/// <summary>A key that a server, or a proxy before it, asks for.</summary>
public static class DoorKey
{
    /// <summary>The file's only line.</summary>
    /// <exception cref="LoadTestException">It cannot be read, or is no key.</exception>
    public static string? Read(string? file)
    {
        if (file is null) return null;
        string key;
        try
        {
            key = File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--key-file {file}: cannot be read: {e.Message}", e);
        }

        return key.Length > 0 && key.All(c => c is > ' ' and < (char)127) ? key
            : throw new LoadTestException($"--key-file {file}: expected one line with a key, without blanks");
    }
}

/// <summary>A generation, in no door's own words.</summary>
public sealed record DoorRequest
{
    /// <summary>Text; null where <see cref="PromptIds"/> are given.</summary>
    public string? Prompt { get; init; }

    public IReadOnlyList<int>? PromptIds { get; init; }

    public required int MaxTokens { get; init; }

    public required RoutingChoice Routing { get; init; }

    /// <summary>0: greedy.</summary>
    public double Temperature { get; init; } = 1;

    public long? Seed { get; init; }

    /// <summary>Go on past the end-of-text token, so that the answer has the length that the load asks for.</summary>
    public bool IgnoreEos { get; init; } = true;
}
