using System.Text.Json.Serialization;

namespace Btx.Server.Http;

/// <summary>An answer, or what one token or the echoed prompt adds to it.</summary>
/// <param name="FinishReason">At the end: <c>stop</c> or <c>length</c>; <c>removed</c> or <c>aborted</c> where a change of the forest
/// ended the request after its first tokens.</param>
internal sealed record CompletionChoice(int Index, string Text, CompletionLogProbs? Logprobs, string? FinishReason)
{
    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AnswerExperts? Experts { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FinishMessage { get; init; }

    /// <summary>Of the token that was generated with it; null: none was.</summary>
    [JsonIgnore]
    public double? LogProb { get; init; }

    /// <summary>Says nothing, and is not sent.</summary>
    [JsonIgnore]
    public bool IsEmpty => this is { Text.Length: 0, Logprobs: null, Experts: null, FinishReason: null };

    /// <summary>The whole answer.</summary>
    /// <param name="pieces">Its own, at least one; <see cref="LogProb"/> becomes the mean over the tokens.</param>
    public static CompletionChoice Join(IReadOnlyList<CompletionChoice> pieces)
    {
        var (end, logProbs) = (pieces[^1], pieces.Where(piece => piece.Logprobs is not null).Select(piece => piece.Logprobs!).ToList());
        return end with
        {
            Text = string.Concat(pieces.Select(piece => piece.Text)),
            Logprobs = logProbs.Count == 0 ? null : CompletionLogProbs.Join(logProbs),
            Experts = AnswerExperts.Join(pieces.Select(piece => piece.Experts)),
            LogProb = pieces.Average(piece => piece.LogProb),
        };
    }
}

/// <summary>Parallel lists, one entry per token. Null: the first token of an echoed prompt, which nothing predicts.</summary>
/// <param name="TextOffset">Where each token begins in the whole text, in characters (Unicode code points).</param>
internal sealed record CompletionLogProbs(List<string> Tokens, List<double?> TokenLogprobs,
    List<Dictionary<string, double>?> TopLogprobs, List<int> TextOffset)
{
    public static CompletionLogProbs Join(IReadOnlyList<CompletionLogProbs> all) =>
        new([.. all.SelectMany(part => part.Tokens)], [.. all.SelectMany(part => part.TokenLogprobs)],
            [.. all.SelectMany(part => part.TopLogprobs)], [.. all.SelectMany(part => part.TextOffset)]);
}

/// <summary>Makes one choice's pieces from the engine's events, keeping count of where in the text they lie.</summary>
internal sealed class CompletionChoices(InferenceService service, CompletionRequest request, int index)
{
    private readonly TokenOffsets _offsets = service.Offsets();

    /// <summary>The prompt as the answer's first piece, and its last where nothing is generated.</summary>
    /// <param name="prompt">As the client gave it.</param>
    /// <param name="tokens">That the engine gets.</param>
    /// <param name="score">Null: none was asked for, or there is nothing to predict.</param>
    public CompletionChoice Echo(Prompt prompt, int[] tokens, ScoreResult? score)
    {
        var logProbs = request.Asked.LogProbs is null ? null : new CompletionLogProbs([], [], [], []);
        for (var i = service.StartsWithBos(prompt, tokens) ? 1 : 0; logProbs is not null && i < tokens.Length; i++)
            Add(logProbs, tokens[i], i == 0 ? null : score!.LogProbs[i - 1], i > 0 && score!.Top.Count > 0 ? score.Top[i - 1] : []);
        return new(index, service.TextOf(prompt), logProbs, request.IsOnlyEcho ? "length" : null);
    }

    /// <param name="served">The forest that the request began with.</param>
    public CompletionChoice Of(TokenEvent e, ForestDescription served)
    {
        CompletionLogProbs? logProbs = null;
        if (request.Asked.LogProbs is not null && e.Token is { } token) Add(logProbs = new([], [], [], []), token, e.LogProb, e.Top);
        return new(index, e.Text, logProbs, FinishReasons.Of(e))
        {
            Experts = AnswerExperts.Of(e, served),
            FinishMessage = e.Message,
            LogProb = e.Token is null ? null : e.LogProb,
        };
    }

    private void Add(CompletionLogProbs logProbs, int token, double? logProb, IReadOnlyList<TokenAlternative> top)
    {
        var name = service.TokenName(token);
        logProbs.Tokens.Add(name);
        logProbs.TokenLogprobs.Add(logProb is { } value ? LogProbs.Finite(value) : null);
        logProbs.TopLogprobs.Add(logProb is null ? null : Named(InferenceService.With(top, token, logProb.Value), token, name));
        logProbs.TextOffset.Add(_offsets.Push(token));
    }

    /// <summary>An entry for each: of two tokens that read alike the one that came has the name, and another is told by its id.</summary>
    private Dictionary<string, double> Named(IReadOnlyList<TokenAlternative> top, int token, string name)
    {
        var named = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (id, logProb) in top)
        {
            var key = id == token ? name : service.TokenName(id);
            var value = LogProbs.Finite(logProb);
            if (id != token && key == name || !named.TryAdd(key, value)) named.Add($"token_id:{id}", value);
        }

        return named;
    }
}
