namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>How a language marks comments at the head of a file.</summary>
public enum CommentStyle
{
    None,

    /// <summary><c># …</c></summary>
    Hash,

    /// <summary><c>// …</c> or <c>/* … */</c></summary>
    Slashes,

    /// <summary><c>(* … *)</c></summary>
    Parentheses,
}
