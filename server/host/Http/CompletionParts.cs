using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Makes a completion's pieces from the engine's events, keeping count of where in the text they lie.</summary>
internal sealed class CompletionParts(InferenceService service, CompletionRequest request)
{
    private readonly ForestDescription _served = service.Forest;
    private readonly TokenOffsets _offsets = service.Offsets();

    /// <summary>The prompt as the answer's first piece, and its last where nothing is generated.</summary>
    /// <param name="prompt">The tokens that the engine gets.</param>
    /// <param name="score">Null: none was asked for, or there is nothing to predict.</param>
    public CompletionPiece Echo(int[] prompt, ScoreResult? score)
    {
        CompletionLogProbs? logProbs = null;
        if (request.LogProbs is not null)
        {
            logProbs = new();
            for (var i = service.StartsWithBos(request.Prompt, prompt) ? 1 : 0; i < prompt.Length; i++)
                Add(logProbs, prompt[i], i == 0 ? null : score!.LogProbs[i - 1], i > 0 && score!.Top.Count > 0 ? score.Top[i - 1] : []);
        }

        return new()
        {
            Text = service.TextOf(request.Prompt),
            LogProbs = logProbs,
            FinishReason = request.IsOnlyEcho ? "length" : null,
            Usage = request.IsOnlyEcho ? new(prompt.Length, 0) : null,
        };
    }

    public CompletionPiece Of(TokenEvent e)
    {
        CompletionLogProbs? logProbs = null;
        if (request.LogProbs is not null && e.Token is { } token)
        {
            logProbs = new();
            Add(logProbs, token, e.LogProb, e.Top);
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

    private void Add(CompletionLogProbs logProbs, int token, double? logProb, IReadOnlyList<TokenAlternative> top)
    {
        var name = service.TokenName(token);
        logProbs.Tokens.Add(name);
        logProbs.TokenLogprobs.Add(logProb is { } value ? Finite(value) : null);
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
            if (id != token && key == name || !named.TryAdd(key, Finite(logProb))) named.Add($"token_id:{id}", Finite(logProb));
        }

        return named;
    }

    /// <summary>JSON has no infinity: what is impossible has the number that OpenAI's API has for it.</summary>
    private static double Finite(double logProb) => double.IsFinite(logProb) ? logProb : -9999;
}
