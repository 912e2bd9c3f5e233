using System.Text.Json;

namespace Btx.LoadTests.Load;

/// <summary>Held-out text by domain: what prompts are cut from.</summary>
public sealed class PromptTexts
{
    private readonly Dictionary<string, string[]> _documents;

    /// <param name="documents">By domain; each has at least one.</param>
    /// <param name="name">Where they are from, for reports.</param>
    public PromptTexts(IReadOnlyDictionary<string, string[]> documents, string name) =>
        (_documents, Name) = (documents.OrderBy(d => d.Key, StringComparer.Ordinal).ToDictionary(d => d.Key, d => d.Value,
        StringComparer.Ordinal), name);

    public string Name { get; }

    public IReadOnlyCollection<string> Domains => _documents.Keys;

    /// <summary>Reads CORPUS/DOMAIN/test.jsonl of every domain.</summary>
    /// <exception cref="LoadTestException">No corpus there, or a line that cannot be read.</exception>
    public static PromptTexts Read(string corpus)
    {
        if (!Directory.Exists(corpus))
            throw new LoadTestException($"--corpus {corpus}: no such directory; make one with `btx corpus --set demo --out {corpus}`");
        var documents = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var domain in Directory.GetDirectories(corpus))
        {
            var file = Path.Combine(domain, "test.jsonl");
            if (!File.Exists(file)) continue;
            string[] texts = [.. TraceFile.ReadLines(file).Select((line, i) => Text(line, $"{file}, line {i + 1}"))
                .Where(t => !string.IsNullOrWhiteSpace(t))];
            if (texts.Length > 0) documents[Path.GetFileName(domain)] = texts;
        }

        return documents.Count > 0 ? new(documents, $"{corpus}, test split")
            : throw new LoadTestException($"--corpus {corpus}: no DOMAIN/test.jsonl with text; make a corpus with "
                + $"`btx corpus --set demo --out {corpus}`");
    }

    /// <summary>So many characters from a random line of a random document on; where that ends, the next document follows.</summary>
    public string Cut(string domain, int characters, ref RandomStream draws)
    {
        var documents = _documents[domain];
        var at = draws.Below(documents.Length);
        var first = documents[at];
        var from = first.LastIndexOf('\n', draws.Below(first.Length)) + 1;
        if (first.Length - from >= characters) return Whole(first, from, characters);
        if (first.Length >= characters) // from the last line that leaves enough
            return Whole(first, first.Length == characters ? 0 : first.LastIndexOf('\n', first.Length - characters - 1) + 1, characters);
        var text = new System.Text.StringBuilder(first, characters + 16);
        while (text.Length < characters) text.Append("\n\n").Append(documents[at = (at + 1) % documents.Length]);
        return Whole(text.ToString(), 0, characters);
    }

    // No half of a surrogate pair at the end; at the start is the beginning of a line.
    private static string Whole(string text, int from, int characters) =>
        text.Substring(from, characters > 1 && char.IsHighSurrogate(text[from + characters - 1]) ? characters - 1 : characters);

    private static string Text(string line, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetProperty("text").GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new LoadTestException($"{where}: expected {{\"text\": \"…\"}}", e);
        }
    }
}
