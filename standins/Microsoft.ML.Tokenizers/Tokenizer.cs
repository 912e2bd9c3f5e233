namespace Microsoft.ML.Tokenizers;

/// <summary>Text to token ids and back.</summary>
public abstract class Tokenizer
{
    protected internal Tokenizer() { }

    public virtual PreTokenizer? PreTokenizer => null;

    public IReadOnlyList<int> EncodeToIds(string text, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        return EncodeToIds(text.AsSpan(), considerPreTokenization, considerNormalization);
    }

    public IReadOnlyList<int> EncodeToIds(ReadOnlySpan<char> text, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        var ids = new List<int>();
        Encode(text, considerPreTokenization, ids);
        return ids;
    }

    public int CountTokens(string text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        EncodeToIds(text, considerPreTokenization, considerNormalization).Count;

    public abstract string Decode(IEnumerable<int> ids);

    internal abstract void Encode(ReadOnlySpan<char> text, bool considerPreTokenization, List<int> ids);
}
