using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Btx.Engine.Grammars;

namespace Btx.Engine.Tests.Grammars;

/// <summary>A pattern's automaton accepts the strings of JSON that .NET's own engine, in its ECMAScript mode, finds a match in.</summary>
public sealed class PatternDfaTests
{
    private static readonly JsonSerializerOptions Compact = new()
    { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static TheoryData<string> Patterns { get; } = new()
    {
        "", "a", "^a", "a$", "^a$", "^$", "$^", "^^a$$", "a|^b|c$", "(?:a|b)*c", "^(a|ab)(c|bcd)$", "a{2}", "^a{2,3}$", "^a{2,}b?$",
        "a+?b*?", "^[a-c]+$", "[^a-c]", "^[^ab]*$", "\\d", "^\\D+$", "^\\w+$", "\\W", "\\s", "^\\S+$", "[\\d.]+", "[^\\w\\s]", "[\\]\\-a]",
        "[a-]", "^.$", "a.c", "^(?<x>ab)+$", "^(a*)*b$", "\\.", "\\/", "\"", "\\\\", "\\x61", "\\u0062", "é", "^[à-ü]$", "a^b|c",
        "a$b|c",
        "(^a|b)(c|$)", "\\t",
        "^(?:(?:a?){3}a{3})$", "}", "]", "\u4e2d|\uffee",
    };

    [Theory]
    [MemberData(nameof(Patterns))]
    public void It_accepts_what_the_pattern_matches(string pattern)
    {
        var dfa = PatternDfa.Build(Pattern.Parse(pattern), 0, int.MaxValue, new CompileBudget());
        var bounded = PatternDfa.Build(Pattern.Parse($"(?:{pattern})|^..$"), 1, 3, new CompileBudget());
        var regex = new Regex(pattern, RegexOptions.ECMAScript);
        var random = new Random(3);
        const string letters = "aaabbbcd.-]} 1_\"\\/\té中\uffee";
        for (var i = 0; i < 1000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(8)).Select(_ => letters[random.Next(letters.Length)])]);
            Assert.True(regex.IsMatch(text) == Accepts(dfa, text), $"{pattern} on {text}");
            var fits = text.Length == 2 || (regex.IsMatch(text) && text.Length is >= 1 and <= 3);
            Assert.True(fits == Accepts(bounded, text), $"{pattern} on {text}");
        }
    }

    /// <summary>The guide says so: classes are ECMAScript's, and differ from those of Unicode that .NET's default and Python
    /// have.</summary>
    [Theory]
    [InlineData("^\\W$", "é", true)]
    [InlineData("^[^\\w]$", "é", true)]
    [InlineData("^\\w$", "é", false)]
    [InlineData("^\\D$", "\u0663", true)]
    [InlineData("^\\W$", "\u0663", true)]
    [InlineData("^\\d$", "\u0663", false)]
    public void Classes_are_those_of_ECMAScript(string pattern, string text, bool accepted)
    {
        Assert.Equal(accepted, Accepts(PatternDfa.Build(Pattern.Parse(pattern), 0, int.MaxValue, new CompileBudget()), text));
        Assert.Equal(accepted, Regex.IsMatch(text, pattern, RegexOptions.ECMAScript));
        Assert.Equal(!accepted, Regex.IsMatch(text, pattern));
    }

    /// <summary>And white space is what all of them agree on.</summary>
    [Theory]
    [InlineData("^\\s$", " ", true)]
    [InlineData("^\\s$", "\u00a0", false)]
    [InlineData("^\\S$", "\u00a0", false)]
    [InlineData("^\\S$", "\u200b", false)]
    public void White_space_is_what_every_program_takes_for_it(string pattern, string text, bool accepted) =>
        Assert.Equal(accepted, Accepts(PatternDfa.Build(Pattern.Parse(pattern), 0, int.MaxValue, new CompileBudget()), text));

    [Theory]
    [InlineData("a**", "nothing to repeat")]
    [InlineData("a{3,2}", "this number of repeats")]
    [InlineData("a{1001}", "0..1000")]
    [InlineData("a{", "a number of repeats")]
    [InlineData("(a", "\"(\" without \")\"")]
    [InlineData("a)", "\")\" without \"(\"")]
    [InlineData("[a", "\"[\" without \"]\"")]
    [InlineData("[]", "an empty class")]
    [InlineData("[b-a]", "this range")]
    [InlineData("[\\d-x]", "this range")]
    [InlineData("[a-z-[b]]", "\"[\" in a class")]
    [InlineData("(?i)a", "options inside")]
    [InlineData("(?<!a)b", "looking around")]
    [InlineData("\\bx", "\"\\b\"")]
    [InlineData("\\cA", "\"\\c\"")]
    [InlineData("\\u00g0", "this escape")]
    [InlineData("\\", "\"\\\" at the end")]
    [InlineData("\U0001F600", "beyond U+FFFF")]
    public void What_is_not_served_is_named_with_its_place(string pattern, string expected)
    {
        var refused = Assert.Throws<Btx.Model.BtxException>(() => Pattern.Parse(pattern));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Matches("^at \\d+ of the pattern: ", refused.Message);
    }

    internal static bool Accepts(Dfa dfa, string text, bool quoted = true)
    {
        var state = 0;
        foreach (var b in Encoding.UTF8.GetBytes(quoted ? JsonSerializer.Serialize(text, Compact) : text))
        {
            state = dfa.Next(state, b);
            if (state == Dfa.Dead) return false;
        }

        return dfa.Accepts(state);
    }
}
