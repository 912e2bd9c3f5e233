using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>A bound of a schema, exactly as written: its magnitude's digits without a sign, leading or trailing zeros.</summary>
/// <param name="Sign">−1, 0 or 1.</param>
internal sealed record NumberBound(int Sign, string Whole, string Fraction, bool Exclusive)
{
    /// <summary>Null if the number has too many digits to be taken exactly.</summary>
    public static NumberBound? Of(JsonElement number, bool exclusive)
    {
        var text = number.GetRawText();
        if (text.Count(char.IsAsciiDigit) > 28 || !number.TryGetDecimal(out var value)) return null;
        if (text.Contains('e', StringComparison.OrdinalIgnoreCase) && (double)value != number.GetDouble()) return null;
        var parts = Math.Abs(value).ToString("0.############################").Split('.');
        return new NumberBound(Math.Sign(value), parts[0], parts.Length > 1 ? parts[1] : "", exclusive);
    }
}

/// <summary>Numbers of at most 15 digits, all of which a double tells apart, between two bounds: digits are compared with the bounds' as
/// they come. Without bounds a number may have an exponent.</summary>
internal static class NumberDfa
{
    public const int MaxDigits = 15;

    private enum Phase
    {
        Start,
        Minus,
        Zero,
        Whole,
        Dot,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigit,
        LastDigit,
    }

    /// <param name="minimum">Null: none.</param>
    /// <exception cref="BtxException">No number fits.</exception>
    public static Dfa Between(NumberBound? minimum, NumberBound? maximum, bool integer, CompileBudget budget)
    {
        var dfa = new Dfa.Builder(budget);
        var ids = new Dictionary<At, int>();
        var open = new Queue<At>();
        Id(default);
        while (open.TryDequeue(out var at))
        {
            var id = ids[at];
            if (Ends(at, minimum, maximum)) dfa.Accept(id);
            foreach (var c in "-+.eE0123456789")
                if (Step(at, c, minimum, maximum, integer) is { } to) dfa.Set(id, c, c, Id(to));
        }

        return dfa.Build();

        int Id(At at)
        {
            if (ids.TryGetValue(at, out var id)) return id;
            ids.Add(at, id = dfa.Add());
            open.Enqueue(at);
            return id;
        }
    }

    private static At? Step(At at, char c, NumberBound? minimum, NumberBound? maximum, bool integer)
    {
        var bounded = minimum is not null || maximum is not null;
        var digit = char.IsAsciiDigit(c);
        var room = at.Digits < MaxDigits;
        switch (at.Phase)
        {
            case Phase.Start when c == '-': return at with { Phase = Phase.Minus, Negative = true };
            case Phase.Start or Phase.Minus when c == '0' && !(integer && at.Negative): return Digit(Phase.Zero);
            case Phase.Start or Phase.Minus when digit && c != '0': return Digit(Phase.Whole);
            case Phase.Whole when digit && room: return Digit(Phase.Whole);
            case Phase.Zero or Phase.Whole when c == '.' && !integer && room:
                return at with { Phase = Phase.Dot, Low = Whole(at, minimum, at.Low), High = Whole(at, maximum, at.High) };
            case Phase.Dot or Phase.Fraction when digit && room:
                return at with
                {
                    Phase = Phase.Fraction,
                    Digits = at.Digits + 1,
                    Decimals = Math.Min(at.Decimals + 1, Math.Max(minimum?.Fraction.Length ?? 0, maximum?.Fraction.Length ?? 0)),
                    Low = Compare(at.Low, c, minimum?.Fraction, at.Decimals),
                    High = Compare(at.High, c, maximum?.Fraction, at.Decimals),
                };
            case Phase.Zero or Phase.Whole or Phase.Fraction when c is 'e' or 'E' && !integer && !bounded:
                return new At(Phase.Exponent);
            case Phase.Exponent when c is '+' or '-': return at with { Phase = Phase.ExponentSign };
            case Phase.Exponent or Phase.ExponentSign when digit: return at with { Phase = Phase.ExponentDigit };
            case Phase.ExponentDigit when digit: return at with { Phase = Phase.LastDigit };
            default: return null;
        }

        At Digit(Phase phase) => at with
        {
            Phase = phase,
            Digits = at.Digits + 1,
            Low = Compare(at.Low, c, minimum?.Whole, at.Digits),
            High = Compare(at.High, c, maximum?.Whole, at.Digits),
        };
    }

    // The first difference decides; what a bound has no digit for is compared with 0.
    private static int Compare(int soFar, char digit, string? bound, int at) =>
        soFar != 0 || bound is null ? soFar : Math.Sign(digit - (at < bound.Length ? bound[at] : '0'));

    // The magnitude's whole part beside the bound's: of two without leading zeros the longer is larger.
    private static int Whole(At at, NumberBound? bound, int byDigits) =>
        bound is null ? 0 : at.Digits != bound.Whole.Length ? at.Digits.CompareTo(bound.Whole.Length) : byDigits;

    private static bool Ends(At at, NumberBound? minimum, NumberBound? maximum)
    {
        if (at.Phase is Phase.ExponentDigit or Phase.LastDigit) return true;
        if (at.Phase is not (Phase.Zero or Phase.Whole or Phase.Fraction)) return false;
        return (minimum is null || Holds(at, minimum, at.Low, 1)) && (maximum is null || Holds(at, maximum, at.High, -1));
    }

    /// <param name="wanted">1: the number is to be above the bound, −1: below.</param>
    private static bool Holds(At at, NumberBound bound, int compared, int wanted)
    {
        if (at.Phase != Phase.Fraction) compared = Whole(at, bound, compared);
        if (compared == 0 && at.Decimals < bound.Fraction.Length) compared = -1; // its digits that are left are not all 0
        var sign = at.Negative ? -1 : 1;
        var beside = bound.Sign == -sign ? sign : sign * compared; // on the other side of 0; −0 is not told from 0 where the bound is 0
        return beside == wanted || (beside == 0 && !bound.Exclusive);
    }

    /// <param name="Digits">Of them all.</param>
    /// <param name="Decimals">Those behind the point, as far as a bound has any.</param>
    /// <param name="Low">How the magnitude's digits compare with the minimum's so far.</param>
    private readonly record struct At(
        Phase Phase, bool Negative = false, int Digits = 0, int Decimals = 0, int Low = 0, int High = 0);
}
