using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Btx.Model.Mixing;
using Btx.Model.Tokens;

namespace Btx.Server.Requests;

/// <summary>What every endpoint calls: validates, tokenizes, hands over to the engine. Each request has its own.</summary>
/// <param name="caller">On whose behalf.</param>
/// <param name="prompts">Null: prompts are in no log.</param>
internal sealed class InferenceService(IForestEngine engine, TextTokenizer tokenizer, RequestLimits limits, Caller caller,
    PromptLog? prompts = null)
{
    public ForestDescription Forest => engine.Describe();

    /// <summary>The forest as the caller is told of it.</summary>
    public ForestDescription Shown => ShownOf(Forest);

    /// <summary>A forest that a request began with, as the caller is told of it.</summary>
    public ForestDescription ShownOf(ForestDescription forest) => caller.Shown(forest);

    /// <summary>A model by its id, that there is and that the caller may use.</summary>
    /// <param name="beside">See <see cref="ModelId.Parse"/>.</param>
    /// <exception cref="RequestRejectedException">There is none, or it is not for the caller.</exception>
    public ModelId Model(string id, V1.Routing? beside = null)
    {
        var model = ModelId.Parse(id, Forest, beside);
        RequireRouting(model.Routing);
        return model;
    }

    /// <exception cref="RequestRejectedException">It is not there, or not for the caller.</exception>
    public void RequireRouting(Routing routing) => RequireOptions(new() { Prompt = [], MaxTokens = 1, Routing = routing });

    /// <summary>The prompt's tokens, once everything about the request holds: nothing but reading the prompt is done before that.</summary>
    /// <param name="request">Its own prompt does not count.</param>
    /// <param name="onlyRead">No token is to be generated: the prompt may fill the context.</param>
    /// <exception cref="RequestRejectedException">The request breaks a rule.</exception>
    public int[] Checked(Prompt prompt, GenerationRequest request, bool onlyRead = false)
    {
        var forest = engine.Describe();
        Refuse(prompt.Problem(limits, "prompt"));
        RequireOptions(request, onlyRead);
        var tokens = Encode(prompt);
        Refuse(onlyRead ? RequestRules.ReadProblem(tokens, "prompt", forest)
            : RequestRules.PromptProblem(request with { Prompt = tokens }, forest));
        return tokens;
    }

    /// <summary>Checks everything about a request but its prompt.</summary>
    /// <param name="onlyRead">No token is to be generated.</param>
    /// <exception cref="RequestRejectedException">The request breaks a rule.</exception>
    public void RequireOptions(GenerationRequest request, bool onlyRead = false)
    {
        var forest = engine.Describe();
        caller.Require(request.Routing, forest);
        forest = caller.Shown(forest); // no refusal names what the caller does not reach
        Refuse(RequestRules.OptionsProblem(onlyRead ? OnlyRead(request) : request, forest)
            ?? (onlyRead ? null : RequestRules.MaxTokensProblem(request.MaxTokens, forest)));
    }

    /// <summary>Takes what all generations and scores of a request may use, before the first of them begins.</summary>
    /// <exception cref="RequestRejectedException">The caller has not so many tokens left.</exception>
    public void Reserve(IEnumerable<GenerationRequest> requests, params IEnumerable<ScoreRequest> scores) =>
        caller.Reserve(requests.Sum(request => (long)request.Prompt.Length + request.MaxTokens)
            + scores.Sum(score => (long)score.Tokens.Length));

    /// <param name="request">With the tokens that <see cref="Checked"/> gave, and reserved.</param>
    /// <returns>The events in order; the last has a finish reason and the usage.</returns>
    /// <exception cref="OperationCanceledException">While it is read: the client left.</exception>
    /// <exception cref="RequestRejectedException">It is refused; later: the server shut down, or a model left before the first
    /// token.</exception>
    public IAsyncEnumerable<TokenEvent> Generate(GenerationRequest request, CancellationToken cancellation)
    {
        string[] stop = [.. request.Stop.Select(tokenizer.Normalize).Where(stop => stop.Length > 0)]; // a model writes normalised text only
        try
        {
            return ReadAsync(engine.Generate(request with { Stop = stop }, cancellation), request, cancellation);
        }
        catch (RequestRejectedException e) when (Told(e) is { } told)
        {
            throw told;
        }
    }

    /// <param name="request">Its own tokens do not count.</param>
    /// <param name="stride">A text longer than the context is scored in windows, see <see cref="ScoreWindow"/>; 0: of half a context each.
    /// Null: it is refused.</param>
    /// <exception cref="RequestRejectedException">The request breaks a rule; else as for <see cref="Generate"/>, or the forest changed
    /// between two windows.</exception>
    public async Task<TextScore> ScoreAsync(Prompt text, ScoreRequest request, int? stride, CancellationToken cancellation)
    {
        var forest = engine.Describe();
        caller.Require(request.Routing, forest);
        forest = caller.Shown(forest);
        Refuse(text.Problem(limits, "text") ?? RequestRules.OptionsProblem(request, forest) ?? RequestRules.StrideProblem(stride, forest));
        var tokens = Encode(text, field: "text");
        var mayBeLong = stride is not null && tokens.Length >= 2;
        Refuse(mayBeLong ? RequestRules.IdProblem(tokens, "text", forest) : RequestRules.TextProblem(tokens, forest));
        if (stride is null or 0) stride = Math.Max(1, forest.ContextLength / 2);
        var (count, read) = ScoreWindow.Cost(tokens.Length, forest.ContextLength, stride.Value);
        if (read > RequestLimits.MaxScoreTokens)
            throw RequestRejectedException.For("stride", $"the text has {tokens.Length} tokens, and its {count} windows read {read} with a "
                + $"stride of {stride}; one score reads at most {RequestLimits.MaxScoreTokens}: take a larger stride, or score the text "
                + "in parts");
        caller.Reserve(read);
        var windows = ScoreWindow.Over(tokens.Length, forest.ContextLength, stride.Value);
        var results = new List<ScoreResult>();
        foreach (var window in windows)
            results.Add(await ScoreAsync(request with { Tokens = tokens[window.Start..window.End] }, cancellation));
        return new(tokens, ScoreWindow.Join(windows, results), windows);
    }

    /// <param name="request">With tokens that were checked, and reserved.</param>
    public async Task<ScoreResult> ScoreAsync(ScoreRequest request, CancellationToken cancellation)
    {
        try
        {
            var result = await engine.ScoreAsync(request, cancellation);
            caller.Use(request.Tokens.Length);
            return result;
        }
        catch (RequestRejectedException e) when (Told(e) is { } told)
        {
            throw told;
        }
    }

    /// <summary>True if <paramref name="tokens"/> starts with a beginning-of-text token that the client did not write.</summary>
    public bool StartsWithBos(Prompt prompt, IReadOnlyList<int> tokens) =>
        prompt.Tokens is null && tokenizer.AddBos && tokens.Count > 0 && tokens[0] == tokenizer.BosId;

    public ReadOnlySpan<byte> TokenBytes(int id) => tokenizer.TokenBytes(id).Span;

    /// <summary>A token's text, or <c>bytes:\xf0\x9f</c> where it is no whole text, as OpenAI's completions have it.</summary>
    public string TokenName(int id)
    {
        var bytes = TokenBytes(id);
        if (System.Text.Unicode.Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        var name = new StringBuilder("bytes:");
        foreach (var b in bytes) _ = b is >= 0x20 and < 0x7f and not (byte)'\\' ? name.Append((char)b) : name.Append($"\\x{b:x2}");
        return name.ToString();
    }

    /// <summary>The most probable tokens as clients expect them: with the token that came, where it is not among them.</summary>
    public static IReadOnlyList<TokenAlternative> With(IReadOnlyList<TokenAlternative> top, int token, double logProb) =>
        top.Any(one => one.Token == token) ? top : [.. top, new(token, logProb)];

    public TokenOffsets Offsets() => new(tokenizer);

    /// <summary>The prompt as its tokens have it: normalised.</summary>
    public string TextOf(Prompt prompt) => prompt.Text is { } text ? tokenizer.Normalize(text) : tokenizer.Decode(prompt.Tokens);

    /// <summary>The text of tokens, special ones spelt out.</summary>
    /// <param name="field">That holds them, for messages.</param>
    /// <exception cref="RequestRejectedException">One is not of the vocabulary.</exception>
    public string Decode(int[] tokens, string field)
    {
        Refuse(RequestRules.IdProblem(tokens, field, engine.Describe()));
        return tokenizer.Decode(tokens, skipSpecial: false);
    }

    /// <summary>The tokens of a prompt.</summary>
    /// <param name="begin">Put the token that begins a text before it, where the tokenizer asks for one.</param>
    /// <param name="field">What the request calls it.</param>
    /// <exception cref="RequestRejectedException">It is too long, or empty.</exception>
    public int[] Encode(Prompt prompt, bool begin = true, string field = "prompt")
    {
        Refuse(prompt.Problem(limits, field));
        prompts?.Add(prompt.Text ?? tokenizer.Decode(prompt.Tokens, skipSpecial: false));
        if (prompt.Tokens is { } tokens) return tokens;
        var ids = tokenizer.Encode(prompt.Text!);
        if (ids.Length == 0)
            throw RequestRejectedException.At(field, "is empty once its text is normalised; give at least one character");
        return begin && tokenizer.AddBos && tokenizer.BosId is { } bos ? [bos, .. ids] : ids;
    }

    private async IAsyncEnumerable<TokenEvent> ReadAsync(ChannelReader<TokenEvent> events, GenerationRequest request,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var begun = false;
        caller.Use(request.Prompt.Length);
        await foreach (var e in events.ReadAllAsync(cancellation))
        {
            if (e.Finish == FinishReason.Cancelled)
            {
                cancellation.ThrowIfCancellationRequested();
                throw new RequestRejectedException(ErrorKind.Unavailable,
                    "the server is shutting down; the request was ended before its last token");
            }

            if (!begun && e.Finish is (FinishReason.Removed or FinishReason.Aborted))
                throw new RequestRejectedException(e.Finish == FinishReason.Removed ? ErrorKind.Missing : ErrorKind.Conflict,
                    Told(e.Message)!);
            if (e.Finish == FinishReason.Failed) throw new InvalidOperationException("the engine could not finish the request");
            if (e.Token is not null) caller.Use(1);
            begun |= e.Token is not null;
            var told = e.Message is null ? e : e with { Message = Told(e.Message) };
            yield return e.StoppedBy is null ? told
                : told with { StoppedBy = request.Stop.First(stop => tokenizer.Normalize(stop) == e.StoppedBy) }; // as the client wrote it
        }
    }

    // What the engine says of a change names experts of the whole forest.
    private string? Told(string? message)
    {
        var forest = Forest; // once: it may change
        return message is null || ReferenceEquals(ShownOf(forest), forest) ? message
            : "the forest changed, and what this request ran on left it";
    }

    private RequestRejectedException? Told(RequestRejectedException e) =>
        e.Kind is not (ErrorKind.Missing or ErrorKind.Conflict) || Told(e.Message) == e.Message ? null : new(e.Kind, Told(e.Message)!);

    // What is said of the answer binds nothing where there is none.
    private static GenerationRequest OnlyRead(GenerationRequest request) =>
        request with { MaxTokens = 1, Grammar = null, Sampling = request.Sampling with { MinTokens = 0 } };

    private static void Refuse(RequestProblem? problem)
    {
        if (problem is not null) throw new RequestRejectedException(problem);
    }
}
