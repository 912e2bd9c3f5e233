using Btx.LoadTests.Doors;

namespace Btx.LoadTests.Load;

/// <summary>
/// How many characters make so many tokens. This program has no tokenizer: it sends the server a few samples of each domain and takes the
/// lengths from its answers. A prompt's true length is
/// in its own answer; the one that is asked for is met on average.
/// </summary>
public sealed class PromptRuler
{
    private const int Samples = 8;
    private const double Margin = 1.5; // over the densest sample
    private readonly Dictionary<string, (double Mean, double Densest)> _characters;
    private readonly int? _context;

    /// <param name="charactersPerToken">By domain: over all samples, and of the sample with the most tokens for its length.</param>
    /// <param name="context">Tokens of prompt and answer together; null: not known.</param>
    public PromptRuler(IReadOnlyDictionary<string, (double Mean, double Densest)> charactersPerToken, int? context) =>
        (_characters, _context) = (new(charactersPerToken), context);

    /// <exception cref="LoadTestException">The server refuses a sample.</exception>
    public static async Task<PromptRuler> MeasureAsync(IDoor door, PromptTexts texts, DomainMix mix, RoutingChoice routing,
        ServedModel served, ILengths prompts, long seed, CancellationToken cancellation)
    {
        // A token is at least a byte, and a character at most four of them.
        var characters = Math.Clamp((int)(4 * prompts.Median), 64, 4096);
        if (served.ContextLength is { } context) characters = Math.Max(1, Math.Min(characters, (context / 2) - 2));
        var measured = new Dictionary<string, (double, double)>(StringComparer.Ordinal);
        foreach (var domain in mix.Domains)
        {
            double length = 0, tokens = 0, densest = double.MaxValue;
            for (var s = 0; s < Samples; s++)
            {
                var draws = new RandomStream(seed, RandomStream.Calibration, s);
                var sample = texts.Cut(domain, characters, ref draws);
                var request = new DoorRequest { Prompt = sample, MaxTokens = 1, Routing = routing.For(domain, served), Seed = 1 };
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(TimeSpan.FromMinutes(2));
                var answer = await door.GenerateAsync(request, new(TimeProvider.System, 1), limit.Token).ConfigureAwait(false);
                if (answer.Status != DoorAnswer.Ok)
                    throw new LoadTestException($"a first prompt of {domain} was answered {answer.Status}: {answer.Error}");
                if (answer.PromptTokens <= 0)
                    throw new LoadTestException("the server's answer has no usage: how long a prompt is cannot be told");
                length += sample.Length;
                tokens += answer.PromptTokens;
                densest = Math.Min(densest, sample.Length / (double)answer.PromptTokens);
            }

            measured[domain] = (length / tokens, densest);
        }

        return new(measured, served.ContextLength);
    }

    /// <summary>Tokens of an answer that fit beside a prompt of one.</summary>
    public int AllowedOutput(int outputTokens) => _context is { } context ? Math.Clamp(outputTokens, 1, Math.Max(1, context - 1))
        : outputTokens;

    /// <summary>Tokens of a prompt that can be asked for: what the context leaves beside the answer.</summary>
    public int Allowed(int promptTokens, int outputTokens) => _context is { } context
        ? Math.Clamp(promptTokens, 1, Math.Max(1, context - outputTokens)) : promptTokens;

    /// <summary>Characters that make so many tokens on average.</summary>
    public int Characters(string domain, int promptTokens) => Math.Max(1, (int)Math.Round(promptTokens * _characters[domain].Mean));

    /// <summary>
    /// The prompt, or as much of its beginning as stays within the context beside the answer even where text is dense: a small
    /// letter or a blank counts as in the densest sample
    /// and a margin more, any other character as a token, beyond ASCII by its bytes.
    /// </summary>
    public string Fit(string domain, string prompt, int outputTokens)
    {
        if (_context is not { } context) return prompt;
        var (left, share) = (Math.Max(1.0, context - outputTokens - 2), Math.Min(1, Margin / _characters[domain].Densest));
        var at = 0;
        foreach (var rune in prompt.EnumerateRunes())
        {
            left -= rune.IsAscii ? char.IsAsciiLetterLower((char)rune.Value) || rune.Value == ' ' ? share : 1
                : rune.Utf8SequenceLength * share;
            if (left < 0 && at > 0) break;
            at += rune.Utf16SequenceLength;
        }

        return prompt[..at];
    }
}
