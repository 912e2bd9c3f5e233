using System.Globalization;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>
/// Puts long runs of combining marks into Unicode's canonical order, which changes no normalised form:
/// the runtime sorts n marks in a row in n² time,
/// minutes for a hostile megabyte, and needs n for marks that are in order.
/// </summary>
internal static class MarkOrder
{
    private const int LongRun = 64;

    /// <summary>The same reference where no run is long.</summary>
    public static string Arrange(string text)
    {
        StringBuilder? output = null;
        var copied = 0;
        for (var at = 0; at < text.Length;)
        {
            var end = RunEnd(text, at);
            if (end - at <= LongRun)
            {
                at = Math.Max(end, at + 1);
                continue;
            }

            output ??= new StringBuilder(text.Length);
            output.Append(text, copied, at - copied);
            AppendOrdered(output, text[at..end]);
            at = copied = end;
        }

        return output?.Append(text, copied, text.Length - copied).ToString() ?? text;
    }

    private static int RunEnd(string text, int from)
    {
        var at = from;
        while (at < text.Length && text[at] >= '\u0300' && CharUnicodeInfo.GetUnicodeCategory(text, at)
            is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
            at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return at;
    }

    private static void AppendOrdered(StringBuilder output, string run)
    {
        var parts = run.EnumerateRunes().Distinct().ToDictionary(r => r,
            r => r.ToString().Normalize(NormalizationForm.FormD).EnumerateRunes().Select(p => p.ToString()).ToArray());
        var ranks = Ranks(parts.Values.SelectMany(p => p).Distinct());
        var movable = new List<string>();
        foreach (var mark in run.EnumerateRunes().SelectMany(r => parts[r]))
        {
            if (ranks[mark] > 0)
            {
                movable.Add(mark);
                continue;
            }

            Flush();
            output.Append(mark);
        }

        Flush();

        void Flush()
        {
            foreach (var mark in movable.OrderBy(m => ranks[m])) output.Append(mark);
            movable.Clear();
        }
    }

    // The order of the marks' combining classes, which the runtime does not tell but shows: a mark
    // of a higher class changes places with the next.
    private static Dictionary<string, int> Ranks(IEnumerable<string> marks)
    {
        var byClass = marks.ToLookup(IsStarter);
        var ranks = byClass[true].ToDictionary(m => m, _ => 0, StringComparer.Ordinal);
        var sorted = byClass[false].ToList();
        sorted.Sort((a, b) => Swaps(a, b) ? 1 : Swaps(b, a) ? -1 : 0);
        for (int i = 0, rank = 1; i < sorted.Count; i++) ranks.Add(sorted[i], i > 0 && Swaps(sorted[i], sorted[i - 1]) ? ++rank : rank);
        return ranks;
    }

    // Of class 0: passes neither the acute (class 230) before it nor the dot below (220) after it.
    private static bool IsStarter(string mark) => !Swaps("\u0301", mark) && !Swaps(mark, "\u0323");

    private static bool Swaps(string first, string second) =>
        first != second && (first + second).Normalize(NormalizationForm.FormD) == second + first;
}
