namespace Btx.Model.Tokens;

/// <summary>A token that is matched in text as a whole, before any splitting.</summary>
/// <param name="Id">Its id; may lie inside or beyond the model's vocabulary.</param>
/// <param name="Content">The text it matches.</param>
/// <param name="Special">A control token: matched only where special tokens are allowed, and left out of decoded text.</param>
/// <param name="Normalized">Its normalised content is matched in the normalised text; otherwise its content in the text as given.</param>
/// <param name="SingleWord">Not matched beside a letter, digit, mark or underscore.</param>
/// <param name="StripLeft">White space before it is part of the match.</param>
/// <param name="StripRight">White space after it is part of the match.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool Normalized, bool SingleWord = false, bool StripLeft = false, bool StripRight = false);
