using System.Buffers;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>Finds added tokens in text, leftmost first and the longest of those that start there.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<(int Node, byte Byte), int> _edges = [];
    private readonly Dictionary<int, int> _ids = [];
    private readonly SearchValues<byte> _first;

    private AddedTokenMatcher(IReadOnlyList<AddedToken> tokens)
    {
        var nodes = 1;
        var first = new HashSet<byte>();
        foreach (var token in tokens)
        {
            var node = 0;
            var bytes = Encoding.UTF8.GetBytes(token.Content);
            first.Add(bytes[0]);
            foreach (var b in bytes)
            {
                if (!_edges.TryGetValue((node, b), out var child)) _edges.Add((node, b), child = nodes++);
                node = child;
            }

            _ids[node] = token.Id;
        }

        _first = SearchValues.Create([.. first]);
    }

    /// <summary>Null where there is nothing to match.</summary>
    public static AddedTokenMatcher? Create(IEnumerable<AddedToken> tokens) => tokens.ToList() is { Count: > 0 } list ? new(list) : null;

    /// <summary>The next token at or after <paramref name="from"/>.</summary>
    public bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end, out int id)
    {
        for (start = from; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_first);
            if (skip < 0) break;
            start += skip;
            end = id = -1;
            var node = 0;
            for (var at = start; at < text.Length && _edges.TryGetValue((node, text[at]), out node); at++)
            {
                if (_ids.TryGetValue(node, out var found)) (end, id) = (at + 1, found);
            }

            if (end > 0) return true;
        }

        start = end = text.Length;
        id = -1;
        return false;
    }
}
