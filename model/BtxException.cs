using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Model;

/// <summary>A failure that a user can act on: the message is one line that names the file or option, the value found, and the remedy.
/// Programs print it as <c>error: …</c> and exit with 1; services answer it as its <see cref="Kind"/> says.</summary>
public sealed partial class BtxException : Exception
{
    /// <summary>UTF-16 characters of a message at most, so that it can travel in a header and stand in a line of a log.</summary>
    public const int MaxMessage = 2000;

    /// <param name="message">One line; whatever was not quoted by <see cref="OneLine"/> is made so here.</param>
    public BtxException(string message) : base(OneLine(message, MaxMessage)) { }

    /// <param name="inner">The cause: a lack of memory, of disk or of file handles remains one, however it is told.</param>
    public BtxException(string message, Exception inner) : base(OneLine(message, MaxMessage), inner)
    {
        if (KindOf(inner) == ErrorKind.Exhausted) Kind = ErrorKind.Exhausted;
    }

    /// <inheritdoc cref="BtxException(string)"/>
    public BtxException(ErrorKind kind, string message, Exception? inner = null) : base(OneLine(message, MaxMessage), inner) => Kind = kind;

    public BtxException() { }

    public ErrorKind Kind { get; init; }

    /// <summary>
    /// Another's words (a request's, a file's, a native library's) as part of a message: one line, cut after <paramref name="most"/> UTF-16
    /// characters; what a terminal or a log would obey instead of show (controls, line ends, directions, half a surrogate pair) is escaped.
    /// </summary>
    public static string OneLine(string text, int most = 300)
    {
        var line = new StringBuilder(Math.Min(text.Length, most) + 1);
        for (int at = 0, used; at < text.Length; at += used)
        {
            var whole = Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out used) == System.Buffers.OperationStatus.Done;
            if (at + used > most) return line.Append('…').ToString();
            if (whole && IsShown(rune)) line.Append(text, at, used);
            else foreach (var c in text.AsSpan(at, used)) line.Append(Escaped(c));
        }

        return line.ToString();
    }

    /// <summary>A message for those who may not know where files lie on this machine: of an absolute path the last name is left.</summary>
    public static string WithoutDirectories(string message) => Directories().Replace(message, "");

    [GeneratedRegex(@"(?<![\w/.])/(?=\S)(?:[^/\n"";:,]+/)*(?=[^/\s])")]
    private static partial Regex Directories();

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static string Escaped(char c) => c switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", _ => $"\\u{(int)c:x4}" };

    /// <summary>The kind of any failure, by its cause: a lack of memory, of disk or of file handles is
    /// <see cref="ErrorKind.Exhausted"/>.</summary>
    public static ErrorKind KindOf(Exception failure) => failure switch
    {
        BtxException known => known.Kind,
        OutOfMemoryException => ErrorKind.Exhausted,
        IOException { HResult: 12 or 23 or 24 or 27 or 28 or 122 } => ErrorKind.Exhausted, // ENOMEM, ENFILE, EMFILE, EFBIG, ENOSPC, EDQUOT
        ArgumentOutOfRangeException { ParamName: "value" } => ErrorKind.Exhausted, // how the runtime reports EFBIG
        { InnerException: { } cause } => KindOf(cause),
        _ => ErrorKind.Internal,
    };
}

/// <summary>Whose fault a <see cref="BtxException"/> is, for services that answer with a status.</summary>
public enum ErrorKind
{
    /// <summary>The server's own: damaged weights or files that it serves, a library that fails; and whatever nobody knows better of: gRPC
    /// Internal.</summary>
    Internal,

    /// <summary>What was asked is wrong in itself: gRPC InvalidArgument.</summary>
    Invalid,

    /// <summary>It cannot be done as things are: gRPC FailedPrecondition.</summary>
    Precondition,

    /// <summary>Who asks for it may not have it: gRPC PermissionDenied.</summary>
    Forbidden,

    /// <summary>What was named is not there: gRPC NotFound.</summary>
    Missing,

    /// <summary>Something else is under way, or came first; the same may succeed later: gRPC Aborted.</summary>
    Conflict,

    /// <summary>Shutting down: gRPC Unavailable.</summary>
    Unavailable,

    /// <summary>As much waits as may: gRPC ResourceExhausted.</summary>
    Busy,

    /// <summary>It needs files that were damaged under the server: gRPC Internal.</summary>
    Damaged,

    /// <summary>The server's memory, disk or files do not suffice: gRPC ResourceExhausted.</summary>
    Exhausted,
}
