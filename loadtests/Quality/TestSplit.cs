using System.Text.Json;

namespace Btx.LoadTests.Quality;

/// <summary>Held-out documents by domain.</summary>
internal static class TestSplit
{
    /// <summary>Reads CORPUS/DOMAIN/test.jsonl of every domain.</summary>
    /// <exception cref="LoadTestException">None is there, or one cannot be read.</exception>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Read(string corpus)
    {
        var domains = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        try
        {
            foreach (var file in Directory.Exists(corpus)
                ? Directory.GetDirectories(corpus).Select(d => Path.Combine(d, "test.jsonl")).Where(File.Exists) : [])
                domains[Path.GetFileName(Path.GetDirectoryName(file)!)] = [.. File.ReadLines(file).Where(l => l.Length > 0)
                    .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("text").GetString() ?? "")];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new LoadTestException($"--corpus {corpus}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        return domains.Count > 0 ? domains
            : throw new LoadTestException($"--corpus {corpus}: no DOMAIN/test.jsonl there; `btx corpus` makes such a directory");
    }

    /// <summary>Pieces of about so many characters, cut before a blank.</summary>
    public static IEnumerable<string> Pieces(string document, int characters)
    {
        for (var at = 0; at < document.Length;)
        {
            var end = Math.Min(document.Length, at + Math.Max(2, characters));
            if (end < document.Length)
            {
                var blank = document.LastIndexOfAny([' ', '\n'], end, end - at - 1);
                if (blank > at) end = blank;
                else if (char.IsLowSurrogate(document[end])) end--;
            }

            yield return document[at..end];
            at = end;
        }
    }

    /// <summary>So many of them, evenly spread.</summary>
    public static IReadOnlyList<T> Spread<T>(IReadOnlyList<T> all, int count) => count >= all.Count ? all
        : [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Count / count)])];
}
