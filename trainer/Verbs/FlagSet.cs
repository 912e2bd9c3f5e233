using System.Collections;
using System.CommandLine;
using System.Runtime.CompilerServices;

namespace Btx.Trainer.Verbs;

/// <summary>Flags of a verb in the order of its help, each with what it changes in a request: <c>{ flag, (r, v) => r with { X = v } }</c>.
/// </summary>
internal sealed class FlagSet<T> : IEnumerable<Option>
{
    private readonly List<(Option Flag, Func<ParseResult, T, T> Set)> flags = [];

    /// <param name="set">Called where the flag is given or has a default.</param>
    public void Add<TValue>(Option<TValue> flag, Func<T, TValue, T> set) =>
        flags.Add((flag, (parsed, request) => parsed.GetValue(flag) is { } value ? set(request, value) : request));

    /// <inheritdoc cref="Add{TValue}(Option{TValue}, Func{T, TValue, T})"/>
    [OverloadResolutionPriority(1)] // a value that may be missing also fits the other
    public void Add<TValue>(Option<TValue?> flag, Func<T, TValue, T> set) where TValue : struct =>
        flags.Add((flag, (parsed, request) => parsed.GetValue(flag) is { } value ? set(request, value) : request));

    /// <summary>A flag that the verb reads itself.</summary>
    public void Add(Option flag) => flags.Add((flag, (_, request) => request));

    /// <summary>The request as the command line changes it.</summary>
    public T Apply(ParseResult parsed, T request) => flags.Aggregate(request, (changed, flag) => flag.Set(parsed, changed));

    public IEnumerator<Option> GetEnumerator() => flags.Select(f => f.Flag).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
