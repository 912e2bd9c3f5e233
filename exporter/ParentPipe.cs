namespace Btx.Exporter;

/// <summary>Whoever started this program holds the other end of its standard input, if <see cref="Variable"/> says so: the end of that is
/// the end of the work.</summary>
public static class ParentPipe
{
    public const string Variable = "BTX_PARENT_PIPE";

    /// <summary>Calls <paramref name="gone"/> when the input ends, on a thread of its own.</summary>
    public static void Watch(Stream input, Action gone) => new Thread(() =>
    {
        var buffer = new byte[64];
        try
        {
            while (input.Read(buffer) > 0)
            {
            }
        }
        catch (IOException)
        {
            // As good as its end.
        }

        gone();
    })
    { IsBackground = true, Name = "btx-parent" }.Start();
}
