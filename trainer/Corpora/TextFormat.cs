namespace Btx.Trainer.Corpora;

/// <summary>How a file of the user's own holds text.</summary>
public enum TextFormat
{
    /// <summary>Not at all, as far as its name tells.</summary>
    None,

    /// <summary>A document as it stands: prose, Markdown, source code.</summary>
    Plain,

    /// <summary>A file without an ending, such as README or GPL-2.0: plain if its bytes are text.</summary>
    Unnamed,

    /// <summary>A page, of which the running text is taken.</summary>
    Html,

    /// <summary>A document a line, as JSON.</summary>
    Lines,
}
