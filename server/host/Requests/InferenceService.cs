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
                Stop = request.Stop,
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

    public string Decode(ReadOnlySpan<int> tokens) => tokenizer.Decode(tokens);

    private int[] Encode(Prompt prompt)
    {
        if (prompt.Tokens is { } tokens) return tokens;
        var ids = tokenizer.Encode(prompt.Text!);
        return tokenizer.AddBos && tokenizer.BosId is { } bos ? [bos, .. ids] : ids;
    }
}
