using System.Text;

namespace Btx.LoadTests.Load;

/// <summary>Held-out text by domain: what prompts are cut from.</summary>
/// <param name="documents">By domain; each has at least one.</param>
public sealed class PromptTexts(IReadOnlyDictionary<string, string[]> documents, string name)
{
    public string Name => name;

    public IReadOnlyCollection<string> Domains { get; } = [.. documents.Keys.Order(StringComparer.Ordinal)];

    public IReadOnlyList<string> Of(string domain) => documents[domain];

    /// <summary>Reads CORPUS/DOMAIN/test.jsonl of every domain.</summary>
    public static PromptTexts Read(string corpus)
    {
        var remedy = $"make one with `btx corpus --set demo --out {corpus}`";
        if (!Directory.Exists(corpus)) throw new LoadTestException($"--corpus {corpus}: no such directory; {remedy}");
        var documents = Directory.GetDirectories(corpus).Select(d => (Domain: Path.GetFileName(d), File: Path.Combine(d, "test.jsonl")))
            .Where(d => File.Exists(d.File))
            .Select(d => (d.Domain, Texts: RunJson.ReadText(d.File).Select((line, i) => Text(line, $"{d.File}, line {i + 1}"))
                .Where(t => !string.IsNullOrWhiteSpace(t)).ToArray()))
            .Where(d => d.Texts.Length > 0).ToDictionary(d => d.Domain, d => d.Texts);
        return documents.Count > 0 ? new(documents, $"{corpus}, test split")
            : throw new LoadTestException($"--corpus {corpus}: no DOMAIN/test.jsonl with text; {remedy}");
    }

    /// <summary>So many characters from a random line of a random document on; where that ends, the next document follows.</summary>
    public string Cut(string domain, int characters, ref RandomStream draws)
    {
        var texts = documents[domain];
        var at = draws.Below(texts.Length);
        var first = texts[at];
        var from = first.LastIndexOf('\n', draws.Below(first.Length)) + 1;
        if (first.Length - from >= characters) return Whole(first, from, characters);
        if (first.Length >= characters) // from the last line that leaves enough
            return Whole(first, first.Length == characters ? 0 : first.LastIndexOf('\n', first.Length - characters - 1) + 1, characters);
        var text = new StringBuilder(first, characters + 16);
        while (text.Length < characters) text.Append("\n\n").Append(texts[at = (at + 1) % texts.Length]);
        return Whole(text.ToString(), 0, characters);
    }

    // No half of a surrogate pair at the end; at the start is the beginning of a line.
    private static string Whole(string text, int from, int characters) =>
        text.Substring(from, characters > 1 && char.IsHighSurrogate(text[from + characters - 1]) ? characters - 1 : characters);

    private static string Text(string line, string where) => LoadTestException.Wrap($"{where}: expected {{\"text\": \"…\"}}", () =>
    {
        using var document = JsonDocument.Parse(line);
        return document.RootElement.GetProperty("text").GetString() ?? "";
    });
}

/// <summary>How many characters make so many tokens. This program has no tokenizer: it sends the server a few samples of each domain and
/// takes the lengths from its answers. A prompt's true length is in its own answer; the one that is asked for is met on average.</summary>
/// <param name="charactersPerToken">By domain: over all samples, and of the sample with the most tokens for its length.</param>
public sealed class PromptRuler(IReadOnlyDictionary<string, (double Mean, double Densest)> charactersPerToken, int context)
{
    private const int Samples = 8;
    private const double Margin = 1.5; // over the densest sample

    public static async Task<PromptRuler> MeasureAsync(IServerClient client, PromptTexts texts, DomainMix mix, RoutingChoice routing,
        ServedFacts served, Lengths prompts, long seed, CancellationToken cancellation)
    {
        // A token is at least a byte, and a character at most four of them.
        var (characters, context) = (Math.Clamp((int)(4 * prompts.Median), 64, 4096), served.ContextLength);
        if (context > 0) characters = Math.Max(1, Math.Min(characters, (context / 2) - 2));
        var measured = new Dictionary<string, (double, double)>(StringComparer.Ordinal);
        foreach (var domain in mix.Domains)
        {
            double length = 0, tokens = 0, densest = double.MaxValue;
            for (var s = 0; s < Samples; s++)
            {
                var draws = new RandomStream(seed, RandomStream.Calibration, s);
                var sample = texts.Cut(domain, characters, ref draws);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(TimeSpan.FromMinutes(2));
                var answer = await client.GenerateAsync(new(sample, 1, routing.For(domain, served), Seed: 1), new(TimeProvider.System, 1),
                    limit.Token);
                if (answer.Status != Answer.Ok)
                    throw new LoadTestException($"a first prompt of {domain} was answered {answer.Status}: {answer.Error}");
                if (answer.PromptTokens <= 0) throw new LoadTestException("the server's answer has no usage: no length of prompts");
                length += sample.Length;
                tokens += answer.PromptTokens;
                densest = Math.Min(densest, sample.Length / (double)answer.PromptTokens);
            }

            measured[domain] = (length / tokens, densest);
        }

        return new(measured, context);
    }

    /// <summary>Tokens that fit into the context: of an answer beside a prompt of one, and of a prompt beside that answer.</summary>
    public (int Prompt, int Output) Allowed(int prompt, int output)
    {
        if (context == 0) return (prompt, output);
        output = Math.Clamp(output, 1, Math.Max(1, context - 1));
        return (Math.Clamp(prompt, 1, Math.Max(1, context - output)), output);
    }

    /// <summary>Characters that make so many tokens on average.</summary>
    public int Characters(string domain, int tokens) => Math.Max(1, (int)Math.Round(tokens * charactersPerToken[domain].Mean));

    /// <summary>The prompt, or as much of its beginning as stays within the context beside the answer even where text is dense: a small
    /// letter or a blank counts as in the densest sample and a margin more, any other character as a token, beyond ASCII by its
    /// bytes.</summary>
    public string Fit(string domain, string prompt, int outputTokens)
    {
        if (context == 0) return prompt;
        var (left, share) = (Math.Max(1.0, context - outputTokens - 2), Math.Min(1, Margin / charactersPerToken[domain].Densest));
        var at = 0;
        foreach (var rune in prompt.EnumerateRunes())
        {
            left -= !rune.IsAscii ? rune.Utf8SequenceLength * share : rune.Value is (>= 'a' and <= 'z') or ' ' ? share : 1;
            if (left < 0 && at > 0) break;
            at += rune.Utf16SequenceLength;
        }

        return prompt[..at];
    }
}
