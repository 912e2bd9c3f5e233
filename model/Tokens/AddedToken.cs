namespace Btx.Model.Tokens;

/// <summary>A token that is matched in text as a whole, before any splitting.</summary>
/// <param name="Id">Its id; may lie inside or beyond the model's vocabulary.</param>
/// <param name="Content">The text it matches.</param>
/// <param name="Special">A control token: matched only where special tokens are allowed, and left out of decoded text.</param>
/// <param name="Normalized">Matched in the normalised text, not in the text as given.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool Normalized);
