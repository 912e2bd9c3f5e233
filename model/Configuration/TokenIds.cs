using System.Collections;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Model.Configuration;

/// <summary>Distinct token ids in the order given, compared by value; in JSON null, a number, or an array of several. Immutable.</summary>
[JsonConverter(typeof(Converter))]
[CollectionBuilder(typeof(TokenIds), nameof(Create))]
public sealed class TokenIds : IReadOnlyList<int>, IEquatable<TokenIds>
{
    private readonly int[] _ids;

    private TokenIds(int[] ids) => _ids = ids;

    /// <summary>No id.</summary>
    public static TokenIds None { get; } = new([]);

    public int Count => _ids.Length;

    /// <summary>The one that counts where there is room for one only; null: none.</summary>
    public int? First => _ids is [var first, ..] ? first : null;

    public int this[int index] => _ids[index];

    /// <summary>The ids without repetitions.</summary>
    public static TokenIds Create(ReadOnlySpan<int> ids) => ids.IsEmpty ? None : new([.. ids.ToArray().Distinct()]);

    public bool Equals(TokenIds? other) => other is not null && _ids.AsSpan().SequenceEqual(other._ids);

    public override bool Equals(object? obj) => Equals(obj as TokenIds);

    public override int GetHashCode() => _ids.Aggregate(_ids.Length, HashCode.Combine);

    /// <summary>As JSON writes them.</summary>
    public override string ToString() => $"[{string.Join(", ", _ids)}]";

    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)_ids).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _ids.GetEnumerator();

    private sealed class Converter : JsonConverter<TokenIds>
    {
        public override bool HandleNull => true;

        public override TokenIds Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType switch
            {
                JsonTokenType.Null => None,
                JsonTokenType.StartArray => Create(JsonSerializer.Deserialize<int[]>(ref reader)),
                _ => Create([reader.GetInt32()]),
            };

        public override void Write(Utf8JsonWriter writer, TokenIds value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.Count > 1 ? value._ids : (object?)value.First);
    }
}
