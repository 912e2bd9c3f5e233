using System.Text;
using Btx.Model.Tokens;

namespace Btx.Model.Tests.Tokens;

/// <summary>Hugging Face's own tokenizer (their Rust code) over a tokenizer.json. It matches special tokens in text, always.</summary>
internal sealed class ReferenceTokenizer(string directory) : IDisposable
{
    private readonly Tokenizers.DotNet.Tokenizer _tokenizer = new(Path.Combine(directory, "tokenizer.json"));
    private int[]? _prefix;

    /// <summary>What it puts before every text.</summary>
    public int[] Prefix => _prefix ??= Ids("");

    /// <summary>The ids of the text alone.</summary>
    public int[] Encode(string text) => Ids(WellFormed(text))[Prefix.Length..];

    /// <summary>Without special tokens.</summary>
    public string Decode(IEnumerable<int> ids) => _tokenizer.Decode([.. ids.Select(id => (uint)id)]);

    /// <summary>The text with U+FFFD for lone surrogates, which the reference refuses.</summary>
    public static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    /// <summary>Both give the same ids, and make the same text of them.</summary>
    public void RequireSame(TextTokenizer ours, string text)
    {
        var expected = Encode(text);
        var actual = ours.Encode(text, allowSpecial: true);
        Assert.True(expected.AsSpan()
            .SequenceEqual(actual), $"{Shown(text)}: {string.Join(',', expected)} expected, {string.Join(',', actual)} found");
        Assert.Equal(Decode(expected), ours.Decode(expected));
    }

    public void Dispose() => _tokenizer.Dispose();

    private int[] Ids(string text) => [.. _tokenizer.Encode(text).Select(id => (int)id)];

    private static string Shown(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
