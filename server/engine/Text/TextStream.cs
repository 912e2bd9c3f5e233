using Btx.Model.Tokens;

namespace Btx.Engine.Text;

/// <summary>A stream's text: tokens in, whole characters before any stop string out.</summary>
internal sealed class TextStream(TextTokenizer tokenizer, IReadOnlyList<string> stops)
{
    private readonly StreamingDecoder decoder = new(tokenizer);
    private readonly StopMatcher matcher = new(stops);

    public bool Stopped => matcher.Matched;

    public string Push(int token) => matcher.Push(decoder.Push(token));

    /// <summary>The held-back rest at the end of the stream.</summary>
    public string Flush() => matcher.Push(decoder.Flush()) + matcher.Flush();
}
