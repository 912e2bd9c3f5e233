using System.Text;

namespace Btx.Engine.Text;

/// <summary>A stream's text: tokens in, whole characters before any stop string out.</summary>
internal sealed class TextStream(TextTokenizer tokenizer, IReadOnlyList<string> stops)
{
    private readonly StreamingDecoder decoder = new(tokenizer);
    private readonly StopMatcher matcher = new(stops);

    public bool Stopped => matcher.Matched is not null;

    /// <summary>The stop string that ended the text; null: none did.</summary>
    public string? StoppedBy => matcher.Matched;

    public string Push(int token) => matcher.Push(decoder.Push(token));

    public string Flush() => matcher.Push(decoder.Flush()) + matcher.Flush();
}

/// <summary>Lets text through up to the first stop string, and holds back what could be the start of one.</summary>
internal sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder held = new();

    /// <summary>The stop string that was met; nothing more comes out then. Null: none was.</summary>
    public string? Matched { get; private set; }

    public string Push(string text)
    {
        if (Matched is not null) return "";
        if (stops.Count == 0) return text;
        if (text.Length == 0) return "";
        held.Append(text);
        var all = held.ToString();
        var first = -1;
        foreach (var stop in stops)
        {
            var at = all.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (first < 0 || at < first)) (first, Matched) = (at, stop);
        }

        var certain = first >= 0 ? first : all.Length - LongestStart(all);
        held.Remove(0, certain);
        return all[..certain];
    }

    /// <summary>At the end of the stream: what was held back, unless a stop string was met.</summary>
    public string Flush()
    {
        if (Matched is not null) return "";
        var rest = held.ToString();
        held.Clear();
        return rest;
    }

    /// <summary>Length of the longest suffix of the text that is a proper prefix of a stop string.</summary>
    private int LongestStart(string all)
    {
        for (var n = Math.Min(all.Length, stops.Max(stop => stop.Length) - 1); n > 0; n--)
            if (stops.Any(stop => n < stop.Length && all.AsSpan(all.Length - n).SequenceEqual(stop.AsSpan(0, n)))) return n;
        return 0;
    }
}
