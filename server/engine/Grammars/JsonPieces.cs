using System.Text;

namespace Btx.Engine.Grammars;

/// <summary>The automata that every schema shares: punctuation, words, and strings of any text.</summary>
internal static class JsonPieces
{
    public static Terminal OpenObject { get; } = Texts("{");

    public static Terminal CloseObject { get; } = Texts("}");

    public static Terminal OpenArray { get; } = Texts("[");

    public static Terminal CloseArray { get; } = Texts("]");

    public static Terminal Comma { get; } = Texts(",", ", ");

    public static Terminal Colon { get; } = Texts(":", ": ");

    public static Terminal Boolean { get; } = Texts("true", "false");

    public static Terminal Null { get; } = Texts("null");

    public static Terminal Integer { get; } = new(NumberDfa.Between(null, null, integer: true, new CompileBudget()));

    public static Terminal Number { get; } = new(NumberDfa.Between(null, null, integer: false, new CompileBudget()));

    /// <summary>A string of any well-formed text, with every escape that JSON has.</summary>
    public static Dfa String { get; } = BuildString(escapes: true);

    /// <summary>A string that is written as it reads, so that two of them are equal only if their bytes are.</summary>
    public static Dfa PlainString { get; } = BuildString(escapes: false);

    private static Terminal Texts(params string[] texts) => new(Dfa.Of(new CompileBudget(), texts.Select(Encoding.UTF8.GetBytes)));

    private static Dfa BuildString(bool escapes)
    {
        var dfa = new Dfa.Builder(new CompileBudget());
        for (var s = 0; s <= Dfa.Closed; s++) dfa.Add();
        dfa.Accept(Dfa.Closed);
        dfa.Set(Dfa.Quote, '"', '"', Dfa.Body);
        dfa.Set(Dfa.Body, 0x20, 0x7F, Dfa.Body);
        dfa.Set(Dfa.Body, '"', '"', Dfa.Closed);
        dfa.Set(Dfa.Body, '\\', '\\', escapes ? Escape(dfa) : dfa.Add()); // the latter leads nowhere

        // The well-formed sequences of UTF-8 (Unicode, table 3-7).
        var last = After(dfa, 0x80, 0xBF, Dfa.Body);
        var two = After(dfa, 0x80, 0xBF, last);
        dfa.Set(Dfa.Body, 0xC2, 0xDF, last);
        dfa.Set(Dfa.Body, 0xE0, 0xE0, After(dfa, 0xA0, 0xBF, last));
        dfa.Set(Dfa.Body, 0xE1, 0xEF, two);
        dfa.Set(Dfa.Body, 0xED, 0xED, After(dfa, 0x80, 0x9F, last));
        dfa.Set(Dfa.Body, 0xF0, 0xF0, After(dfa, 0x90, 0xBF, two));
        dfa.Set(Dfa.Body, 0xF1, 0xF3, After(dfa, 0x80, 0xBF, two));
        dfa.Set(Dfa.Body, 0xF4, 0xF4, After(dfa, 0x80, 0x8F, two));
        return dfa.Build(counts: true);
    }

    private static int After(Dfa.Builder dfa, int low, int high, int target)
    {
        var state = dfa.Add();
        dfa.Set(state, low, high, target);
        return state;
    }

    // Of \u escapes, surrogates come in pairs only.
    private static int Escape(Dfa.Builder dfa)
    {
        var escape = dfa.Add();
        foreach (var c in "\"\\/bfnrt") dfa.Set(escape, c, c, Dfa.Body);
        var one = Hex(dfa, "0123456789abcdef", Dfa.Body);
        var two = Hex(dfa, "0123456789abcdef", one);
        var low = Hex(dfa, "d", Hex(dfa, "cdef", two));
        var pair = After(dfa, '\\', '\\', After(dfa, 'u', 'u', low));
        var high = Hex(dfa, "0123456789abcdef", Hex(dfa, "0123456789abcdef", pair));
        var code = Hex(dfa, "0123456789abcef", Hex(dfa, "0123456789abcdef", two));
        var surrogate = Hex(dfa, "01234567", two);
        foreach (var c in "89abAB") dfa.Set(surrogate, c, c, high);
        foreach (var c in "dD") dfa.Set(code, c, c, surrogate);
        dfa.Set(escape, 'u', 'u', code);
        return escape;
    }

    private static int Hex(Dfa.Builder dfa, string digits, int target)
    {
        var state = dfa.Add();
        foreach (var c in digits + digits.ToUpperInvariant()) dfa.Set(state, c, c, target);
        return state;
    }
}
