using System.Numerics;
using Btx.Engine.Grammars;

namespace Btx.Engine.Sampling;

/// <summary>What a request asks of the mixture besides how to draw from it: bias, penalties on what it has written, and which tokens may
/// come at all. One sequence's; allocates little once it is made.</summary>
internal sealed class TokenConstraints
{
    private readonly SamplingOptions options;
    private readonly GrammarRun? run;
    private readonly int maxTokens;
    private readonly bool endsText; // end-of-sequence tokens do
    private readonly (int Token, float Value)[] bias;
    private readonly Dictionary<int, int> counts = []; // of the completion's tokens
    private int[]? known; // end-of-sequence tokens that are in:
    private int[] ends = []; // tokens that end the text
    private bool endsAllowed;

    private TokenConstraints(GenerationRequest request, GrammarRun? run, int maxTokens)
    {
        (options, this.run, this.maxTokens, endsText) = (request.Sampling, run, maxTokens, !request.IgnoreEndOfSequence);
        bias = [.. options.LogitBias.Select(b => (b.Key, (float)b.Value))];
    }

    /// <summary>Scores change, not only which tokens may come.</summary>
    public bool ChangesScores => bias.Length > 0 || HasPenalties;

    /// <summary>Not every token may come in this step.</summary>
    public bool Masks => run is not null || !endsAllowed;

    /// <summary>The answer is whole, and nothing may follow.</summary>
    public bool Finished { get; private set; }

    private bool HasPenalties => options.PresencePenalty != 0 || options.FrequencyPenalty != 0;

    /// <summary>Null: the request asks for nothing of this.</summary>
    /// <param name="maxTokens">Of the completion, as the context allows.</param>
    public static TokenConstraints? Of(GenerationRequest request, ForestSnapshot snapshot, int maxTokens)
    {
        var s = request.Sampling;
        if (request.Grammar is null && s.LogitBias.Count == 0
            && s is { PresencePenalty: 0, FrequencyPenalty: 0, MinTokens: 0, StopTokenIds.Count: 0 }) return null;
        var run = request.Grammar is { } grammar ? new GrammarRun(grammar, snapshot.Resources.Trie, maxTokens) : null;
        return new TokenConstraints(request, run, maxTokens);
    }

    /// <summary>Why a request cannot be held to its grammar; null: it can. Slow once.</summary>
    public static RequestProblem? Problem(GenerationRequest request, ForestSnapshot snapshot)
    {
        if (request.Grammar is null) return null;
        var trie = snapshot.Resources.Trie;
        if (trie.Problem is { } problem) return new(null, problem, ErrorKind.Precondition);
        var ends = request.IgnoreEndOfSequence ? request.Sampling.StopTokenIds : request.Sampling.StopTokenIds.Concat(snapshot.EndTokens);
        return ends.FirstOrDefault(trie.IsByte, -1) is >= 0 and var id
            ? new("stop_token_ids", $"token {id} ends the text and stands for a single byte, which an answer under a schema may need")
            : null;
    }

    /// <summary>Finds out what may come next.</summary>
    /// <param name="completed">Tokens of the completion so far.</param>
    public void Prepare(int[] endTokens, int vocabSize, int completed)
    {
        if (!ReferenceEquals(endTokens, known)) // the first step, or the forest has changed
            (known, ends) = (endTokens, [.. (endsText ? endTokens : []).Concat(options.StopTokenIds).Where(t => t < vocabSize)]);
        endsAllowed = completed >= options.MinTokens && run is not { IsComplete: false };
        if (run is null) return;
        var allowed = run.Mask(maxTokens - completed);
        foreach (var token in ends)
        {
            if (endsAllowed) allowed[token >> 6] |= 1UL << token;
            else allowed[token >> 6] &= ~(1UL << token);
        }
    }

    public bool MayCome(int token) =>
        run is null ? endsAllowed || Array.IndexOf(ends, token) < 0 : (run.Allowed[token >> 6] >> token & 1) != 0;

    /// <summary>Adds bias and penalties to log-probabilities, as OpenAI's API defines them.</summary>
    public void Adjust(Span<float> scores)
    {
        foreach (var (token, value) in bias) scores[token] += value;
        if (!HasPenalties) return;
        foreach (var (token, count) in counts) scores[token] -= (float)(options.PresencePenalty + (count * options.FrequencyPenalty));
    }

    /// <summary>Sets what may not come.</summary>
    public void Mask(Span<float> values, float off)
    {
        if (run is null)
        {
            foreach (var token in ends) values[token] = off;
            return;
        }

        Span<float> kept = stackalloc float[64];
        for (var w = 0; w < run.Allowed.Length; w++)
        {
            var block = values[(w * 64)..Math.Min(values.Length, (w * 64) + 64)];
            var allowed = run.Allowed[w];
            if (BitOperations.PopCount(allowed) > 16)
            {
                for (var masked = ~allowed; masked != 0 && BitOperations.TrailingZeroCount(masked) < block.Length; masked &= masked - 1)
                    block[BitOperations.TrailingZeroCount(masked)] = off;
                continue;
            }

            block.CopyTo(kept);
            block.Fill(off);
            for (; allowed != 0; allowed &= allowed - 1)
                block[BitOperations.TrailingZeroCount(allowed)] = kept[BitOperations.TrailingZeroCount(allowed)];
        }
    }

    /// <summary>A token was drawn.</summary>
    /// <param name="completed">Tokens of the completion with it.</param>
    public void Commit(int token, int completed)
    {
        if (HasPenalties) counts[token] = counts.GetValueOrDefault(token) + 1;
        if (run is null || Array.IndexOf(ends, token) >= 0) return;
        var left = maxTokens - completed;
        run.Advance(token, left);
        Finished = run.IsComplete && !run.CanGoOn(left > 0 ? left : int.MaxValue);
    }

    /// <summary>Whether a token of this step ends the text.</summary>
    public bool IsEnd(int token) => Finished || options.StopTokenIds.Contains(token);
}
