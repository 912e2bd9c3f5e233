namespace Btx.Model;

/// <summary>
/// A failure that a user can act on: the message is one line that names the file or option, the value found, and the remedy.
/// Programs print it as <c>error: …</c> and exit with 1; services answer it as its <see cref="Kind"/> says.
/// </summary>
public sealed class BtxException : Exception
{
    /// <param name="message">One line.</param>
    public BtxException(string message) : base(message) { }

    /// <inheritdoc cref="BtxException(string)"/>
    public BtxException(string message, Exception inner) : base(message, inner) { }

    public BtxException() { }

    public FaultKind Kind { get; init; }

    /// <summary>The kind of any failure, by its cause: a lack of memory, of disk or of file handles is <see cref="FaultKind.Exhausted"/>.</summary>
    public static FaultKind KindOf(Exception failure) => failure switch
    {
        BtxException known => known.Kind,
        OutOfMemoryException => FaultKind.Exhausted,
        IOException { HResult: 12 or 23 or 24 or 28 or 122 } => FaultKind.Exhausted, // ENOMEM, ENFILE, EMFILE, ENOSPC, EDQUOT
        { InnerException: { } cause } => KindOf(cause),
        _ => FaultKind.Internal,
    };

    /// <summary>Another's words (a file's, a parser's, a native library's) as part of a message: one printable line, cut after 300 characters.</summary>
    public static string OneLine(string text) => new((text.Length > 300 ? text[..300] + "…" : text).Select(c => char.IsControl(c) ? ' ' : c).ToArray());
}
