namespace Microsoft.ML.Tokenizers;

/// <summary>Options of <see cref="BpeTokenizer"/>.</summary>
public sealed class BpeOptions
{
    public BpeOptions(IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
    }

    /// <summary>Token text → id.</summary>
    public IEnumerable<KeyValuePair<string, int>> Vocabulary { get; }

    /// <summary>Merge rules, best first, each <c>"left right"</c>.</summary>
    public IEnumerable<string>? Merges { get; set; }

    /// <summary>How text is cut before merging; null: <see cref="PreTokenizer.CreateWordOrNonWord"/>.</summary>
    public PreTokenizer? PreTokenizer { get; set; }

    /// <summary>Whether text is turned into UTF-8 bytes, and these into the byte-level alphabet, before merging.</summary>
    public bool ByteLevel { get; set; }
}
