using System.Globalization;
using System.Text.RegularExpressions;

namespace Btx.Cli;

/// <summary>A command line's parse error in a user's words: the parser names .NET types, which
/// say nothing to who typed the option.</summary>
public static partial class UsageError
{
    /// <summary><paramref name="message"/> on one line; <c>Cannot parse argument 'x' for option '--k' as expected type 'System.Int32'.</c>
    /// becomes <c>--k "x": expected a whole number</c>.</summary>
    /// <param name="option">That it is about.</param>
    public static string Plain(string message, string? option = null)
    {
        var line = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        var match = CannotParse().Match(line);
        if (match.Success)
            return $"{match.Groups["option"]} \"{match.Groups["value"]}\": expected {Expected(match.Groups["type"].Value)}";
        match = NoneOf().Match(line);
        return !match.Success || option is null ? line
            : $"{option} \"{Shown(match.Groups["value"].Value)}\": use {match.Groups["words"].Value.Replace("' '", ", ")}";
    }

    /// <summary>
    /// An option that the parser does not know and took for the value of an argument, as a message; null: there is none. Behind <c>--</c>
    /// everything is a value.
    /// </summary>
    /// <param name="args">The command line.</param>
    /// <param name="values">What the parser took for the values of the verb's arguments.</param>
    public static string? UnknownOption(IEnumerable<string> args, IEnumerable<string> values)
    {
        static bool IsOption(string a) => a.Length > 1 && a[0] == '-' && (a[1] == '-' || char.IsAsciiLetter(a[1]));
        return args.TakeWhile(a => a != "--").Intersect(values).FirstOrDefault(IsOption) is { } unknown
            ? $"unknown option \"{Shown(unknown)}\"; a text that begins with - goes behind --"
            : null;
    }

    /// <summary>Options that the parser took for the value of the one before them, as messages. <c>--out=--x</c> is meant so.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="options">Names of all, and of those that need a value.</param>
    public static IEnumerable<string> OptionsAsValues(string[] args, (HashSet<string> All, HashSet<string> WithValue) options)
    {
        string[] own = [.. args.TakeWhile(a => a != "--")];
        for (var i = 0; i + 1 < own.Length; i++)
        {
            if (!options.WithValue.Contains(own[i]) || !own[i + 1].StartsWith("--", StringComparison.Ordinal)) continue;
            i++;
            if (options.All.Contains(own[i]))
                yield return $"{own[i - 1]} has no value: {own[i]} behind it is an option; if it is meant, write {own[i - 1]}={own[i]}";
        }
    }

    /// <summary>A command or an option of a program that has none of that name.</summary>
    public static string Unknown(string what, string name) => $"unknown {what} \"{Shown(name)}\"";

    // What a terminal would obey instead of show is replaced.
    private static string Shown(string text) => string.Concat(text.Take(100).Select(c => char.GetUnicodeCategory(c)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate ? '?' : c)) + (text.Length > 100 ? "…" : "");

    private static string Expected(string type) =>
        type.Contains("System.Int", StringComparison.Ordinal) ? "a whole number"
        : type.Contains("System.Double", StringComparison.Ordinal) || type.Contains("System.Single", StringComparison.Ordinal) ? "a number"
        : type.Contains("System.Boolean", StringComparison.Ordinal) ? "true or false"
        : "another value";

    [GeneratedRegex("^Cannot parse argument '(?<value>.*)' for option '(?<option>[^']+)' as expected type '(?<type>[^']+)'\\.?$")]
    private static partial Regex CannotParse();

    [GeneratedRegex("^Argument '(?<value>.*)' not recognized\\. Must be one of: '(?<words>.*)'$")]
    private static partial Regex NoneOf();
}
