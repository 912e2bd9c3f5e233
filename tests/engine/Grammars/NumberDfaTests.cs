using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Btx.Engine.Grammars;

namespace Btx.Engine.Tests.Grammars;

/// <summary>The automaton of numbers between bounds accepts those that exact arithmetic finds there.</summary>
public sealed partial class NumberDfaTests
{
    private static readonly string[] Bounds =
        ["", "0", "-0.5", "7", "10", "99.95", "100", "-100", "-12.34", "0.001", "123456789012345678", "1e2"];

    [Fact]
    public void It_accepts_the_numbers_between()
    {
        var random = new Random(4);
        foreach (var (low, high) in Bounds.SelectMany(l => Bounds.Select(h => (l, h))))
            foreach (var integer in new[] { false, true })
            {
                var (open, shut) = (random.Next(2) == 0, random.Next(2) == 0);
                Dfa dfa;
                try
                {
                    dfa = NumberDfa.Between(Bound(low, open), Bound(high, shut), integer, new CompileBudget());
                }
                catch (Btx.Model.BtxException)
                {
                    dfa = Dfa.Of(new CompileBudget(), "none"u8.ToArray());
                }

                for (var i = 0; i < 60; i++)
                {
                    var text = Text(random);
                    Assert.True(Expected(text, low, high, open, shut, integer) == PatternDfaTests.Accepts(dfa, text, quoted: false),
                        $"{text} in {(open ? "(" : "[")}{low}, {high}{(shut ? ")" : "]")}, integer {integer}");
                }
            }
    }

    private static NumberBound? Bound(string text, bool exclusive) =>
        text.Length == 0 ? null : NumberBound.Of(JsonElement.Parse(text), exclusive);

    // Near the bounds more often than not.
    private static string Text(Random random)
    {
        if (random.Next(3) == 0) return new string([.. Enumerable.Range(0, 1 + random.Next(6)).Select(_ => "-.0019e"[random.Next(7)])]);
        var near = Bounds[1 + random.Next(Bounds.Length - 1)];
        var value = decimal.Parse(near, NumberStyles.Float) + (random.Next(-3, 4) / 100m * random.Next(3));
        return value.ToString(random.Next(2) == 0 ? "0.00" : "0.###");
    }

    private static bool Expected(string text, string low, string high, bool open, bool shut, bool integer)
    {
        if (!(integer ? Whole() : low.Length + high.Length == 0 ? Any() : Decimal()).IsMatch(text)) return false;
        if (text.Split('e')[0].Count(char.IsAsciiDigit) > NumberDfa.MaxDigits) return false;
        if (low.Length + high.Length == 0) return true;
        var value = decimal.Parse(text);
        return (low.Length == 0 || value.CompareTo(decimal.Parse(low, NumberStyles.Float)) >= (open ? 1 : 0))
            && (high.Length == 0 || value.CompareTo(decimal.Parse(high, NumberStyles.Float)) <= (shut ? -1 : 0));
    }

    [GeneratedRegex(@"^(0|-?[1-9][0-9]*)\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?\z")]
    private static partial Regex Decimal();

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]{1,2})?\z")]
    private static partial Regex Any();
}
