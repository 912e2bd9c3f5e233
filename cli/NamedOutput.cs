using System.Text;

namespace Btx.Cli;

/// <summary>Standard output that says so where it cannot be written.</summary>
internal sealed class NamedOutput(TextWriter inner) : TextWriter(inner.FormatProvider)
{
    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Do(() => inner.Write(value));

    public override void Write(char[] buffer, int index, int count) => Do(() => inner.Write(buffer, index, count));

    public override void Write(string? value) => Do(() => inner.Write(value));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void WriteLine(string? value) => Do(() => inner.WriteLine(value)); // at one go

    public override void Flush() => Do(inner.Flush);

    private static void Do(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException(e);
        }
    }
}

/// <summary>Standard output is closed, or its disk is full; the message is one line.</summary>
/// <param name="cause">The runtime puts a closed descriptor inside an <see cref="UnauthorizedAccessException"/> about a path.</param>
internal sealed class OutputException(Exception cause) : IOException(
    $"standard output cannot be written: {(cause.InnerException as IOException ?? cause).Message.ReplaceLineEndings(" ")}", cause);
