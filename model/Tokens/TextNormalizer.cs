using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Btx.Model.Tokens;

/// <summary>What is done to text before it is cut into tokens: the steps of a tokenizer.json's <c>normalizer</c>, over bytes that may hold
/// ill-formed stretches, which pass through unchanged. Immutable; thread-safe.</summary>
public sealed class TextNormalizer
{
    // Every step leaves ASCII without these bytes alone.
    private readonly SearchValues<byte> _changed;

    internal TextNormalizer(IReadOnlyList<NormalizerStep> steps)
    {
        Steps = steps;
        _changed = SearchValues.Create([.. Enumerable.Range(0, 128).Select(b => (byte)b).Where(b => steps.Any(s => s.MayChange((char)b)))]);
    }

    /// <summary>The form of text here, in corpora, in tokenizers that we train and so in whatever these are given: '\r\n', '\r' and form
    /// feed are '\n', a no-break space is a space, other control characters (not tab), byte-order marks, U+FFFE and U+FFFF are gone, and
    /// the rest is in Unicode form C. Idempotent.</summary>
    public static TextNormalizer Own { get; } =
        new([new Replacement(Replacement.LineEnds), new Replacement("\u00A0", " "), new Replacement(Replacement.Controls),
        new UnicodeForm(NormalizationForm.FormC)]);

    internal IReadOnlyList<NormalizerStep> Steps { get; }

    /// <summary>The text in this form. A lone surrogate becomes U+FFFD.</summary>
    public string Apply(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var normalised = Apply(bytes);
        return normalised == bytes && Ascii.IsValid(text) ? text : Encoding.UTF8.GetString(normalised);
    }

    /// <summary>The normalised bytes, or <paramref name="text"/> itself where nothing changes.</summary>
    internal ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text) && !text.ContainsAny(_changed)) return text;
        if (Utf8.IsValid(text)) return ApplyValid(text);
        var output = new ArrayBufferWriter<byte>(text.Length);
        var start = 0;
        for (var at = 0; at < text.Length;)
        {
            var status = Rune.DecodeFromUtf8(text[at..], out _, out var length);
            at += length;
            if (status == OperationStatus.Done) continue;
            output.Write(ApplyValid(text[start..(at - length)]));
            output.Write(text[(at - length)..at]);
            start = at;
        }

        output.Write(ApplyValid(text[start..]));
        return output.WrittenSpan;
    }

    /// <summary>Throws where the runtime has no Unicode data (globalization-invariant mode), for normalising would silently do
    /// nothing.</summary>
    internal void RequireData(string source)
    {
        if (Steps.OfType<UnicodeForm>().Any() && "e\u0301".Normalize(NormalizationForm.FormC) != "\u00E9")
            throw new BtxException($"{source}: its normalizer needs Unicode data; install libicu and unset "
                + "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT");
    }

    private ReadOnlySpan<byte> ApplyValid(ReadOnlySpan<byte> text)
    {
        var before = Encoding.UTF8.GetString(text);
        var after = before;
        foreach (var step in Steps) after = step.Apply(after);
        return ReferenceEquals(after, before) ? text : Encoding.UTF8.GetBytes(after);
    }
}

/// <summary>One step of a normalizer, over well-formed text.</summary>
internal abstract record NormalizerStep
{
    /// <summary>False: ASCII text without this character stays as it is, or this character is not ASCII.</summary>
    public abstract bool MayChange(char ascii);

    /// <summary>The same reference where nothing changes.</summary>
    public abstract string Apply(string text);
}

/// <summary>A Unicode normalisation form.</summary>
internal sealed record UnicodeForm(NormalizationForm Form) : NormalizerStep
{
    public static readonly Dictionary<string, NormalizationForm> Names = new(StringComparer.Ordinal)
    {
        ["NFC"] = NormalizationForm.FormC,
        ["NFD"] = NormalizationForm.FormD,
        ["NFKC"] = NormalizationForm.FormKC,
        ["NFKD"] = NormalizationForm.FormKD,
    };

    public override bool MayChange(char ascii) => false;

    public override string Apply(string text)
    {
        // The runtime refuses U+FFFE, a starter that composes with nothing, so that the parts between can be normalised by themselves.
        if (text.Contains('\uFFFE')) return string.Join('\uFFFE', text.Split('\uFFFE').Select(Apply));
        text = MarkOrder.Arrange(text);
        return text.IsNormalized(Form) ? text : text.Normalize(Form);
    }
}

/// <summary>Every occurrence of a text, or of one of two known expressions, replaced.</summary>
internal sealed partial record Replacement(string Pattern, string Content) : NormalizerStep
{
    /// <summary>Line ends of other systems, and pages.</summary>
    public const string LineEnds = @"\r\n?|\f";

    /// <summary>Control characters other than tab and line feed, and what marks the order of bytes.</summary>
    public const string Controls = @"[\u0000-\u0008\u000B\u000E-\u001F\u007F-\u009F\uFEFF\uFFFE\uFFFF]";

    private readonly Regex? _expression;

    /// <param name="expression">One of the constants: others may mean something else to Hugging Face's engine than to ours.</param>
    public Replacement(string expression)
        : this(expression, expression == LineEnds ? "\n" : "") => _expression = expression == LineEnds ? LineEndExpression()
        : ControlExpression();

    public bool IsExpression => _expression is not null;

    public override bool MayChange(char ascii) => _expression?.IsMatch(ascii.ToString()) ?? Pattern.StartsWith(ascii);

    public override string Apply(string text) =>
        _expression?.Replace(text, Content) ?? text.Replace(Pattern, Content, StringComparison.Ordinal);

    [GeneratedRegex(LineEnds, RegexOptions.CultureInvariant)]
    private static partial Regex LineEndExpression();

    [GeneratedRegex(Controls, RegexOptions.CultureInvariant)]
    private static partial Regex ControlExpression();
}

/// <summary>Puts long runs of combining marks into Unicode's canonical order, which changes no normalised form: the runtime sorts n marks
/// in a row in n² time, minutes for a hostile megabyte, and needs n for marks that are in order.</summary>
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
