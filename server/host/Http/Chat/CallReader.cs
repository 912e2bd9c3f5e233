namespace Btx.Server.Http.Chat;

/// <summary>
/// Tells text from calls while an answer comes. A call is the whole answer: <c>{"name": …, "arguments": {…}}</c> with a known name
/// (<c>parameters</c> is taken for <c>arguments</c>), or one or several of these, each in <c>&lt;tool_call&gt;…&lt;/tool_call&gt;</c>.
/// For one answer.
/// </summary>
internal sealed class CallReader(ChatTools tools)
{
    private const string Begin = "<tool_call>", End = "</tool_call>";
    private const int Short = 256; // characters that are read again with every token; more than that less and less often
    private readonly StringBuilder _held = new();
    private int _readAt; // length of what is held
    private bool _isText = tools.Functions.Count == 0;

    /// <returns>The text that is certainly no part of a call.</returns>
    public string Push(string text)
    {
        if (_isText || text.Length == 0) return text;
        _held.Append(text);
        if (_held.Length < _readAt) return "";
        if (Calls(_held.ToString(), whole: false) is null) return Release();
        _readAt = _held.Length < Short ? 0 : _held.Length + (_held.Length / 4); // so a long call costs its length a few times over
        return "";
    }

    /// <summary>At the end: the text that was held back, or what it calls.</summary>
    public (string Text, IReadOnlyList<ToolCall> Calls) Finish() =>
        !_isText && Calls(_held.ToString(), whole: true) is { Count: > 0 } calls ? ("", tools.Many ? calls : calls[..1]) : (Release(), []);

    private string Release()
    {
        _isText = true;
        var text = _held.ToString();
        _held.Clear();
        return text;
    }

    /// <summary>The calls that a text is made of; null: it is something else, whatever follows.</summary>
    /// <param name="whole">Nothing follows.</param>
    private List<ToolCall>? Calls(string text, bool whole)
    {
        var calls = new List<ToolCall>();
        for (var rest = text.AsSpan().TrimStart(); rest.Length > 0; rest = rest.TrimStart())
        {
            var tagged = rest.StartsWith(Begin, StringComparison.Ordinal);
            if (!tagged && (calls.Count > 0 || rest[0] == '<'))
                return !whole && Begin.AsSpan().StartsWith(rest, StringComparison.Ordinal) ? calls : null;
            if (tagged) rest = rest[Begin.Length..].TrimStart();
            if (rest.Length == 0) return whole ? null : calls;
            if (rest[0] != '{') return null;
            var json = Encoding.UTF8.GetBytes(rest.ToString());
            if (Call(json, whole, out var used) is not { } call) return used < 0 ? null : calls;
            calls.Add(call);
            rest = rest[Encoding.UTF8.GetCharCount(json.AsSpan(0, used))..].TrimStart();
            if (!tagged) return rest.Length == 0 ? calls : null;
            if (rest.StartsWith(End, StringComparison.Ordinal)) rest = rest[End.Length..];
            else if (rest.Length > 0) return !whole && End.AsSpan().StartsWith(rest, StringComparison.Ordinal) ? calls : null;
        }

        return calls;
    }

    /// <param name="used">Bytes of the call; 0: it goes on; less: it is none.</param>
    private ToolCall? Call(byte[] json, bool whole, out int used)
    {
        used = -1;
        string? name = null, arguments = null, field = null;
        var start = 0;
        var reader = new Utf8JsonReader(json, whole, default);
        try
        {
            while (reader.Read())
            {
                if (reader.CurrentDepth == 0)
                {
                    if (reader.TokenType == JsonTokenType.StartObject) continue;
                    if (name is null || arguments is null) return null;
                    used = (int)reader.BytesConsumed;
                    return new($"call_{Guid.NewGuid():N}"[..29], name, arguments);
                }

                if (reader.CurrentDepth > 1) continue;
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        field = reader.GetString();
                        if (field is not ("name" or "arguments" or "parameters") || (field == "name" ? name : arguments) is not null)
                            return null;
                        break;
                    case JsonTokenType.String when field == "name" && tools.Functions.ContainsKey(reader.GetString()!):
                        name = reader.GetString();
                        break;
                    case JsonTokenType.StartObject when field != "name":
                        start = (int)reader.TokenStartIndex;
                        break;
                    case JsonTokenType.EndObject:
                        arguments = Encoding.UTF8.GetString(json.AsSpan(start, (int)reader.BytesConsumed - start));
                        break;
                    default:
                        return null;
                }
            }

            used = whole ? -1 : 0;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // It is text.
        }

        return null;
    }
}
