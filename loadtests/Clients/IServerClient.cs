namespace Btx.LoadTests.Clients;

/// <summary>One way to ask a server, or a peer. One instance takes any number of requests at once.</summary>
public interface IServerClient : IAsyncDisposable
{
    Task<ServedFacts> DescribeAsync(CancellationToken cancellation);

    /// <summary>Sends a request and reads its answer to the end. What goes wrong is a status, not an exception.</summary>
    Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation);
}

/// <summary>A generation that goes on past the end-of-text token, so that the answer has the length that the load asks for.</summary>
public sealed record CompletionRequest(string Prompt, int MaxTokens, RoutingChoice Routing, double Temperature = 1, long Seed = 0);

/// <summary>How a request ended.</summary>
/// <param name="Status"><c>ok</c>, or why not, as in <see cref="Records.RequestRecord.Status"/>.</param>
/// <param name="PromptTokens">By the answer's usage; 0 where there is none.</param>
public sealed record Answer(string Status, string? Error = null, string? Finish = null, int PromptTokens = 0, int? CompletionTokens = null,
    IReadOnlyDictionary<string, double>? ExpertTokens = null)
{
    /// <summary>Every later status than these comes from a server that is there.</summary>
    public const string Ok = "ok", Unreachable = "unreachable", CutOff = "cut_off", Timeout = "timeout";

    /// <summary>A stream ended as it should. That a model left the forest on the way is a failure.</summary>
    public static Answer Ended(string? finish, string? message, int promptTokens, int? completionTokens) => finish is "removed" or "aborted"
        ? new(finish, message, finish, promptTokens, completionTokens) : new(Ok, null, finish, promptTokens, completionTokens);
}

/// <summary>What a server says that it serves; empty or 0 where it does not say.</summary>
/// <param name="Experts">Of the forest, each with its domain; none where only a BTX model is served.</param>
/// <param name="MixtureChoices">The k that the BTX model can be asked for.</param>
/// <param name="ContextLength">Tokens of prompt and answer together.</param>
/// <param name="Identity">Hashes of what is served.</param>
public sealed record ServedFacts(IReadOnlyList<string> Experts, IReadOnlyList<string> Domains, IReadOnlyList<string> MixtureExperts,
    IReadOnlyList<int> MixtureChoices, int MixtureK, int ContextLength, string Precision, string Identity);

/// <summary>When the tokens of one answer arrived: a clock reading each, nothing else on the way.</summary>
public sealed class TokenArrivals(TimeProvider time, int expected)
{
    private readonly List<long> _times = new(Math.Clamp(expected, 4, 1 << 16));

    public int Count => _times.Count;

    public void Token(int tokens = 1, long? at = null)
    {
        var timestamp = at ?? Now();
        for (; tokens > 0; tokens--) _times.Add(timestamp);
    }

    public long Now() => time.GetTimestamp();

    /// <summary>Seconds from a clock reading to the first token; null: there is none.</summary>
    public double? First(long since) => Count == 0 ? null : time.GetElapsedTime(since, _times[0]).TotalSeconds;

    public float[] Gaps() =>
        [.. Enumerable.Range(1, Math.Max(0, Count - 1)).Select(i => (float)time.GetElapsedTime(_times[i - 1], _times[i]).TotalSeconds)];
}

/// <summary>How a request's experts are chosen.</summary>
/// <param name="Mode"><c>ensemble</c>, <c>top_k</c>, <c>top_p</c>, <c>average</c>, <c>expert</c> or <c>moe</c>.</param>
/// <param name="K">Of <c>top_k</c>; of <c>moe</c>, null for the model's own.</param>
/// <param name="Expert">Of <c>expert</c>; null: the one of the prompt's domain.</param>
/// <param name="Average">Of <c>average</c>: a name that the server knows; null: the uniform one.</param>
/// <param name="Router">Of <c>top_k</c> and <c>top_p</c>: <c>all</c> or <c>probe</c>; null: the server's default.</param>
public sealed record RoutingChoice(string Mode, int? K = null, double? P = null, string? Expert = null, string? Average = null,
    string? Router = null)
{
    public static IReadOnlyList<string> Modes { get; } = ["ensemble", "top_k", "top_p", "average", "expert", "moe"];

    /// <summary>A sweep's mode as requests ask for it: <c>ensemble</c>, <c>top_p:0.9</c>, <c>expert:novels</c>.</summary>
    /// <param name="router">Of <c>top_k</c> and <c>top_p</c>; other modes have none.</param>
    public static RoutingChoice Of(string mode, int? k = null, string? router = null) =>
        (mode.Split(':')[0], mode.Split(':', 2).ElementAtOrDefault(1)) switch
        {
            ("ensemble", null) => new(mode),
            ("top_k", null) => new(mode, k, Router: router),
            ("moe", null) => new(mode, k),
            ("expert", not "") and var (kind, expert) => new(kind, Expert: expert),
            ("average", not "") and var (kind, average) => new(kind, Average: average),
            ("top_p", not null) and var (kind, mass) => double.TryParse(mass, out var p) && p is > 0 and <= 1
                ? new(kind, P: p, Router: router)
                : throw new LoadTestException($"--modes {mode}: expected a posterior mass in (0, 1], for example top_p:0.9"),
            _ => throw new LoadTestException($"--modes {mode}: unknown mode; use ensemble, top_k, top_p:MASS, moe, average[:A], "
                + "expert[:E]"),
        };

    /// <summary>This choice, with the domain's expert where it leaves that open.</summary>
    public RoutingChoice For(string domain, ServedFacts served)
    {
        if (Mode != "expert" || Expert is not null) return this;
        var name = served.Experts.Zip(served.Domains).Where(e => e.Second == domain).Select(e => e.First)
            .Concat(served.Experts.Where(e => e == domain)).FirstOrDefault();
        if (name is null)
            throw new LoadTestException($"no expert of the domain {domain}; --expert names {string.Join(" or ", served.Experts)}");
        return this with { Expert = name };
    }

    public RoutingChoice Validate()
    {
        if (!Modes.Contains(Mode)) throw new LoadTestException($"--mode {Mode}: unknown mode; use {string.Join(", ", Modes)}");
        if (Mode == "top_k" && K is null) throw new LoadTestException("--mode top_k: how many experts? Give --k");
        if (Mode == "top_p" && P is null) throw new LoadTestException("--mode top_p: which posterior mass? Give --p, for example 0.9");
        foreach (var (option, value, modes) in new (string, object?, string[])[] { ("k", K, ["top_k", "moe"]), ("p", P, ["top_p"]),
            ("expert", Expert, ["expert"]), ("average", Average, ["average"]), ("router", Router, ["top_k", "top_p"]) })
            if (value is not null && !modes.Contains(Mode))
                throw new LoadTestException($"--{option} {value}: is for --mode {string.Join(" or ", modes)}, not for {Mode}");
        return this;
    }
}
