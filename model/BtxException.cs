namespace Btx.Model;

/// <summary>
/// A failure that a user can act on: the message is one line that names the file or option, the value found, and the remedy.
/// Programs print it as <c>error: …</c> and exit with 1; services answer it as InvalidArgument or FailedPrecondition.
/// </summary>
public sealed class BtxException : Exception
{
    public BtxException(string message) : base(message) { }

    public BtxException(string message, Exception inner) : base(message, inner) { }

    public BtxException() { }
}
