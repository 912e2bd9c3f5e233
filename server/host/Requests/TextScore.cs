using Btx.Engine.Requests;
using Btx.Model.Tokens;

namespace Btx.Server.Requests;

/// <param name="Tokens">The n ids that were scored, beginning-of-text included where the tokenizer asks for it.</param>
/// <param name="Result">Arrays of n − 1: entry i belongs to predicting tokens[i + 1].</param>
/// <param name="Windows">How the text was read; one, unless it is longer than the context.</param>
internal sealed record TextScore(int[] Tokens, ScoreResult Result, IReadOnlyList<ScoreWindow> Windows);

/// <summary>
/// Where tokens begin in the text that they make, in characters (Unicode code points, what Python counts): a token that goes on with a
/// character begins where that character does; a control token has no text and begins where it stands. For one stream.
/// </summary>
internal sealed class TokenOffsets(TextTokenizer tokenizer)
{
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private int _written;

    /// <summary>The beginning of the next token.</summary>
    public int Push(int id)
    {
        var offset = _written + (_decoder.IsBrokenBy(id) ? 1 : 0); // what was unfinished has become U+FFFD
        _written += _decoder.Push(id).EnumerateRunes().Count();
        return offset;
    }
}
