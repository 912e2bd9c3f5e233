namespace Btx.Forest;

/// <summary>Who wants a change, and why. Both go into the journal.</summary>
/// <param name="Author">1 to 200 printable characters.</param>
/// <param name="Reason">1 to 2000 printable characters.</param>
public sealed record ChangeAuthor(string Author, string Reason);
