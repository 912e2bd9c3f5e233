namespace Btx.Server.Verbs;

/// <summary>Flags, each with what it sets in a <typeparamref name="T"/>: a record, or a message of the wire.</summary>
internal sealed class FlagTable<T> : List<Option>
{
    private readonly List<Func<T, ParseResult, T>> _set = [];

    /// <summary>One that sets a property of a record, its usual value included.</summary>
    public void Add<TValue>(Option<TValue> flag, Func<T, TValue, T> set)
    {
        Add(flag);
        _set.Add((record, parsed) => set(record, parsed.GetValue(flag)!));
    }

    /// <summary>One that sets a field of a message where it is given.</summary>
    public void Add<TValue>(Option<TValue?> flag, Action<T, TValue> set) where TValue : struct => Add(flag, (T message, TValue? given) =>
    {
        if (given is { } value) set(message, value);
        return message;
    });

    /// <inheritdoc cref="Add{TValue}(Option{TValue?}, Action{T, TValue})"/>
    public void Add(Option<string?> flag, Action<T, string> set) => Add(flag, (T message, string? given) =>
    {
        if (given is not null) set(message, given);
        return message;
    });

    /// <returns><paramref name="settings"/> with what the flags say.</returns>
    /// <exception cref="BtxException">A value is refused.</exception>
    public T Read(ParseResult parsed, T settings) => _set.Aggregate(settings, (now, set) => set(now, parsed));

    /// <summary>A value that is refused is added to <paramref name="problems"/>, and sets nothing.</summary>
    /// <inheritdoc cref="Read(ParseResult, T)"/>
    public T Read(ParseResult parsed, T settings, Problems problems) =>
        _set.Aggregate(settings, (now, set) => problems.Of(() => set(now, parsed)) ?? now);
}
