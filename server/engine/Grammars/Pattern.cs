using System.Globalization;

namespace Btx.Engine.Grammars;

/// <summary>A regular expression in ECMA-262's syntax, as far as it is regular. Characters are those of the basic plane: on these all
/// programs that check patterns agree on what one character is.</summary>
internal abstract record Pattern
{
    public const int MaxLength = 1024;
    public const int MaxRepeats = 1000;
    private const int MaxGroups = 64; // inside one another

    internal sealed record OneOf(CharRanges Set) : Pattern;

    internal sealed record Sequence(IReadOnlyList<Pattern> Parts) : Pattern;

    internal sealed record Choice(IReadOnlyList<Pattern> Branches) : Pattern;

    /// <param name="Max">Null: no bound.</param>
    internal sealed record Repeat(Pattern Part, int Min, int? Max) : Pattern;

    /// <param name="AtEnd">$, otherwise ^.</param>
    internal sealed record Anchor(bool AtEnd) : Pattern;

    /// <exception cref="BtxException">It is no pattern, or has what cannot be served, with its place.</exception>
    public static Pattern Parse(string text)
    {
        if (text.Length > MaxLength) throw new BtxException($"the pattern has {text.Length} characters; at most {MaxLength} are taken");
        var reader = new Reader(text);
        var pattern = reader.Choice(0);
        return reader.AtEnd ? pattern : throw reader.Refused("\")\" without \"(\"");
    }

    private sealed class Reader(string text)
    {
        private int at;

        public bool AtEnd => at == text.Length;

        public BtxException Refused(string what) => new($"at {at + 1} of the pattern: {what} cannot be served");

        public Pattern Choice(int depth)
        {
            if (depth > MaxGroups) throw Refused($"more than {MaxGroups} groups inside one another");
            var branches = new List<Pattern> { Branch(depth) };
            while (Take('|')) branches.Add(Branch(depth));
            return branches.Count == 1 ? branches[0] : new Choice(branches);
        }

        private Sequence Branch(int depth)
        {
            var parts = new List<Pattern>();
            while (!AtEnd && text[at] is not ('|' or ')'))
            {
                var part = Atom(depth);
                parts.Add(part is Anchor ? part : Repeated(part));
            }

            return new Sequence(parts);
        }

        private Pattern Atom(int depth)
        {
            var c = text[at++];
            switch (c)
            {
                case '^': return new Anchor(AtEnd: false);
                case '$': return new Anchor(AtEnd: true);
                case '.': return new OneOf(CharRanges.Of("\n\n\r\r\u2028\u2029").Complement());
                case '[': return new OneOf(Class());
                case '\\': return new OneOf(Escape(inClass: false, negated: false));
                case '(':
                    if (Take('?') && !Take(':')) SkipName();
                    var group = Choice(depth + 1);
                    return Take(')') ? group : throw Refused("\"(\" without \")\"");
                case '*' or '+' or '?' or '{':
                    at--;
                    throw Refused($"\"{c}\" with nothing to repeat");
                default: return new OneOf(Single(c));
            }
        }

        private void SkipName()
        {
            if (!Take('<') || AtEnd || text[at] is '=' or '!') throw Refused("looking around, and options inside a pattern,");
            while (!AtEnd && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_')) at++;
            if (!Take('>')) throw Refused("this name of a group");
        }

        private Pattern Repeated(Pattern part)
        {
            var (min, max) = (0, (int?)null);
            if (Take('*')) { }
            else if (Take('+')) min = 1;
            else if (Take('?')) max = 1;
            else if (Take('{'))
            {
                min = Number();
                max = !Take(',') ? min : !AtEnd && text[at] != '}' ? Number() : null;
                if (!Take('}') || max < min) throw Refused("this number of repeats");
            }
            else return part;

            Take('?'); // as few as possible: the same texts
            return new Repeat(part, min, max);
        }

        private int Number()
        {
            var begin = at;
            while (!AtEnd && char.IsAsciiDigit(text[at]) && at - begin < 5) at++;
            return int.TryParse(text.AsSpan(begin, at - begin), CultureInfo.InvariantCulture, out var n) && n <= MaxRepeats ? n
                : throw Refused($"a number of repeats that is not 0..{MaxRepeats}");
        }

        private CharRanges Class()
        {
            var negated = Take('^');
            if (AtEnd || text[at] == ']') throw Refused("an empty class, which programs read differently,");
            var set = CharRanges.None;
            while (!Take(']'))
            {
                var low = ClassAtom(negated);
                if (at + 1 < text.Length && text[at] == '-' && text[at + 1] != ']')
                {
                    at++;
                    var high = ClassAtom(negated);
                    if (low.Single is not { } from || high.Single is not { } to || from > to) throw Refused("this range of a class");
                    low = CharRanges.Of([from, to]);
                }

                set = set.Union(low);
            }

            return negated ? set.Complement() : set;
        }

        private CharRanges ClassAtom(bool negated)
        {
            if (AtEnd) throw Refused("\"[\" without \"]\"");
            var c = text[at++];
            if (c == '[') throw Refused("\"[\" in a class, which programs read differently,");
            return c == '\\' ? Escape(inClass: true, negated) : Single(c);
        }

        // Programs differ on white space: what must be such is what all take for it, what must not be such is what none does.
        private CharRanges Escape(bool inClass, bool negated)
        {
            if (AtEnd) throw Refused("\"\\\" at the end");
            var c = text[at++];
            return c switch
            {
                'd' => CharRanges.Digit,
                'D' => CharRanges.Digit.Complement(),
                'w' => CharRanges.Word,
                'W' => CharRanges.Word.Complement(),
                's' => negated ? CharRanges.AnySpace : CharRanges.Space,
                'S' => (negated ? CharRanges.Space : CharRanges.AnySpace).Complement(),
                'n' => Single('\n'),
                'r' => Single('\r'),
                't' => Single('\t'),
                'f' => Single('\f'),
                'v' => Single('\v'),
                'b' when inClass => Single('\b'),
                'x' => Single(Hex(2)),
                'u' => Single(Hex(4)),
                _ when char.IsAsciiLetterOrDigit(c) => throw Refused($"\"\\{c}\""),
                _ => Single(c),
            };
        }

        private char Hex(int digits)
        {
            if (at + digits > text.Length
                || !ushort.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                throw Refused("this escape");
            at += digits;
            return (char)code;
        }

        private CharRanges Single(char c) =>
            !char.IsSurrogate(c) ? CharRanges.Of([c, c]) : throw Refused("a character beyond U+FFFF");

        private bool Take(char c)
        {
            if (AtEnd || text[at] != c) return false;
            at++;
            return true;
        }
    }
}

/// <summary>A set of characters of the basic plane, as ranges in order that do not touch.</summary>
internal sealed record CharRanges(IReadOnlyList<(int Low, int High)> Ranges)
{
    public static CharRanges None { get; } = new([]);

    public static CharRanges Digit { get; } = Of("09");

    public static CharRanges Word { get; } = Of("09AZ__az");

    /// <summary>White space to every program.</summary>
    public static CharRanges Space { get; } = Of("\t\r  ");

    /// <summary>White space to any program.</summary>
    public static CharRanges AnySpace { get; } = Of("\t\r\u001c \u0085\u0085"
        + "\u00a0\u00a0\u1680\u1680\u180e\u180e\u2000\u200b\u2028\u2029\u202f\u202f\u205f\u205f\u3000\u3000\ufeff\ufeff");

    /// <summary>The only member, if there is but one.</summary>
    public char? Single => Ranges is [var (low, high)] && low == high ? (char)low : null;

    /// <param name="pairs">First and last of each range.</param>
    public static CharRanges Of(ReadOnlySpan<char> pairs)
    {
        var set = None;
        for (var i = 0; i < pairs.Length; i += 2) set = set.Union(new([(pairs[i], pairs[i + 1])]));
        return set;
    }

    public bool Contains(int c) => Ranges.Any(r => c >= r.Low && c <= r.High);

    public CharRanges Union(CharRanges other)
    {
        var merged = new List<(int Low, int High)>();
        foreach (var range in Ranges.Concat(other.Ranges).Order())
        {
            if (merged.Count > 0 && range.Low <= merged[^1].High + 1) merged[^1] = (merged[^1].Low, Math.Max(merged[^1].High, range.High));
            else merged.Add(range);
        }

        return new(merged);
    }

    public CharRanges Complement()
    {
        var rest = new List<(int, int)>();
        var from = 0;
        foreach (var (low, high) in Ranges)
        {
            if (low > from) rest.Add((from, low - 1));
            from = high + 1;
        }

        if (from <= char.MaxValue) rest.Add((from, char.MaxValue));
        return new(rest);
    }
}
