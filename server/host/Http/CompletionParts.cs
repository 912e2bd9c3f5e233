using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Makes a completion's pieces from the engine's events, keeping count of where in the text they lie.</summary>
internal sealed class CompletionParts(InferenceService service, CompletionRequest request)
{
    private readonly ForestDescription _served = service.Forest;
    private int _offset;

    /// <summary>The prompt as the answer's first piece; null unless asked for.</summary>
    /// <param name="score">With log-probabilities; null without.</param>
    public CompletionPiece? Echo(TextScore? score)
    {
        if (!request.Echo) return null;
        var prompt = request.Generation.Prompt;
        if (score is null) return Piece(service.TextOf(prompt), null);
        var logProbs = new CompletionLogProbs();
        for (var i = service.StartsWithBos(prompt, score.Tokens) ? 1 : 0; i < score.Tokens.Length; i++)
            Add(logProbs, score.Tokens[i], i == 0 ? null : score.Result.LogProbs[i - 1], null);
        return new() { Text = service.TextOf(prompt), LogProbs = logProbs };
    }

    /// <summary>Usage of a request that only scores its prompt.</summary>
    public static CompletionUsage PromptUsage(TextScore? score) => new(score?.Tokens.Length ?? 0, 0);

    public CompletionPiece Of(TokenEvent e)
    {
        CompletionLogProbs? logProbs = null;
        if (request.LogProbs is not null && e.Token is { } token)
        {
            logProbs = new();
            var top = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var (id, logProb) in e.Top) top.TryAdd(service.TokenText(id), logProb);
            Add(logProbs, token, e.LogProb, top);
        }

        var finish = e.Finish switch
        {
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            FinishReason.Removed => "removed",
            FinishReason.Aborted => "aborted",
            _ => null,
        };
        return new()
        {
            Text = e.Text,
            LogProbs = logProbs,
            Experts = CompletionExperts.Of(e, e.Forest ?? _served),
            FinishReason = finish,
            FinishMessage = e.Message,
            Usage = e.Usage is { } usage ? new(usage.PromptTokens, usage.CompletionTokens) : null,
        };
    }

    private CompletionPiece Piece(string text, CompletionLogProbs? logProbs)
    {
        _offset += text.Length;
        return new() { Text = text, LogProbs = logProbs };
    }

    private void Add(CompletionLogProbs logProbs, int token, double? logProb, Dictionary<string, double>? top)
    {
        var text = service.TokenText(token);
        logProbs.Tokens.Add(text);
        logProbs.TokenLogprobs.Add(logProb is { } value && double.IsFinite(value) ? value : logProb is null ? null : double.MinValue);
        logProbs.TopLogprobs.Add(top);
        logProbs.TextOffset.Add(_offset);
        _offset += text.Length;
    }
}
