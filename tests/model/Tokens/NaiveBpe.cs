namespace Btx.Model.Tests.Tokens;

/// <summary>Byte-pair encoding by its definition, slow and plain, to compare with.</summary>
internal static class NaiveBpe
{
    /// <summary>Applies the rules in their order, each everywhere from the left.</summary>
    public static List<string> Encode(IEnumerable<string> symbols, IReadOnlyList<(string Left, string Right)> merges)
    {
        var word = symbols.ToList();
        foreach (var (left, right) in merges) Merge(word, left, right);
        return word;
    }

    /// <summary>Learns rules: each time the most frequent pair over all words; ties go to the
    /// pair whose symbols have the smaller ids.</summary>
    public static List<(string Left, string Right)> Train(IReadOnlyDictionary<string, int> wordCounts, List<string> symbols, int merges)
    {
        var words = wordCounts.Select(w => (Symbols: w.Key.Select(c => c.ToString()).ToList(), Count: w.Value)).ToList();
        var rules = new List<(string, string)>();
        while (rules.Count < merges)
        {
            var best = words
                .SelectMany(w => w.Symbols.Zip(w.Symbols.Skip(1)).Select(pair => (pair, w.Count)))
                .GroupBy(p => p.pair)
                .Select(g => (Pair: g.Key, Count: g.Sum(p => p.Count)))
                .Where(p => p.Count >= 2)
                .OrderByDescending(p => p.Count)
                .ThenBy(p => symbols.IndexOf(p.Pair.First))
                .ThenBy(p => symbols.IndexOf(p.Pair.Second))
                .FirstOrDefault();
            if (best.Count == 0) break;
            rules.Add((best.Pair.First, best.Pair.Second));
            var merged = best.Pair.First + best.Pair.Second;
            if (!symbols.Contains(merged)) symbols.Add(merged);
            foreach (var (word, _) in words) Merge(word, best.Pair.First, best.Pair.Second);
        }

        return rules;
    }

    private static void Merge(List<string> word, string left, string right)
    {
        for (var i = 0; i + 1 < word.Count; i++)
        {
            if (word[i] != left || word[i + 1] != right) continue;
            word[i] = left + right;
            word.RemoveAt(i + 1);
        }
    }
}
