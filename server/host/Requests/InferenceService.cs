using System.Text;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Tokens;

namespace Btx.Server.Requests;

/// <summary>What every door calls: validates, tokenizes, hands over to the engine. Thread-safe.</summary>
internal sealed class InferenceService(IForestEngine engine, TextTokenizer tokenizer, RequestLimits limits)
{
    public ForestDescription Forest => engine.Describe();

    /// <exception cref="InvalidRequestException">The request breaks a rule.</exception>
    /// <exception cref="RequestRejectedException">The engine refuses it, is full, or is shutting down.</exception>
    public Generation Generate(TextGeneration request, CancellationToken cancellation)
    {
        var forest = engine.Describe();
        if (RequestFaults.FirstFault(request, forest, limits) is { } fault) throw new InvalidRequestException(fault);
        var prompt = Encode(request.Prompt);
        if (prompt.Length >= forest.ContextLength)
            throw InvalidRequestException.For("prompt", $"prompt has {prompt.Length} tokens; the context holds {forest.ContextLength}, at least one of them for the answer");
        return new(prompt, engine.Generate(
            new()
            {
                Prompt = prompt,
                Routing = request.Routing,
                Sampling = request.Sampling,
                MaxTokens = request.MaxTokens,
                Stop = [.. request.Stop.Select(tokenizer.Normalize).Where(stop => stop.Length > 0)], // a model writes normalised text only
                IgnoreEndOfSequence = request.IgnoreEndOfSequence,
                TopLogProbs = request.TopLogProbs,
                ReportExperts = request.ReportExperts,
            },
            cancellation));
    }

    /// <inheritdoc cref="Generate"/>
    public async Task<TextScore> ScoreAsync(Prompt text, Model.Mixing.Routing routing, CancellationToken cancellation, bool reportExperts = false)
    {
        var forest = engine.Describe();
        var fault = RequestFaults.PromptFault(text, forest, limits) ?? RequestFaults.RoutingFault(routing, forest);
        if (fault is not null) throw new InvalidRequestException(fault);
        var tokens = Encode(text);
        if (tokens.Length < 2) throw InvalidRequestException.For("text", "the text is one token; at least two are needed, one to predict from and one to predict");
        if (tokens.Length > forest.ContextLength)
            throw InvalidRequestException.For("text", $"the text has {tokens.Length} tokens; the context holds {forest.ContextLength}; score it in parts");
        return new(tokens, await engine.ScoreAsync(new ScoreRequest(tokens, routing, reportExperts), cancellation).ConfigureAwait(false));
    }

    /// <summary>True if <paramref name="tokens"/> starts with a beginning-of-text token that the client did not write.</summary>
    public bool StartsWithBos(Prompt prompt, IReadOnlyList<int> tokens) => prompt.Tokens is null && tokenizer.AddBos && tokens.Count > 0 && tokens[0] == tokenizer.BosId;

    /// <summary>The text of one token; a part of a character becomes U+FFFD.</summary>
    public string TokenText(int id) => Encoding.UTF8.GetString(tokenizer.TokenBytes(id).Span);

    /// <summary>The prompt as its tokens have it: normalised.</summary>
    public string TextOf(Prompt prompt) => prompt.Text is { } text ? tokenizer.Normalize(text) : tokenizer.Decode(prompt.Tokens);

    /// <summary>Bytes of the text that is predicted: of all tokens but the first.</summary>
    public long PredictedBytes(TextScore score) => score.Tokens.Skip(1).Sum(id => (long)tokenizer.TokenBytes(id).Length);

    private int[] Encode(Prompt prompt)
    {
        if (prompt.Tokens is { } tokens) return tokens;
        var ids = tokenizer.Encode(prompt.Text!);
        if (ids.Length == 0) throw InvalidRequestException.For("prompt", "prompt is empty once its text is normalised; give at least one character");
        return tokenizer.AddBos && tokenizer.BosId is { } bos ? [bos, .. ids] : ids;
    }
}
