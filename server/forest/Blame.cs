using Btx.Model;

namespace Btx.Forest;

/// <summary>Whose fault it is that files cannot be used: of the files alone that cannot be told.</summary>
internal static class Blame
{
    private const int NameTooLong = 36, TooManyLinks = 40; // ENAMETOOLONG, ELOOP

    /// <summary>Reads files that the request names: what is wrong with them is a reason not to make the change; a
    /// device that fails is the server's fault.</summary>
    /// <exception cref="BtxException">What <paramref name="read"/> throws, with its kind.</exception>
    public static T Given<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Internal && !IsOfDevice(e))
        {
            throw new BtxException(e.Message, e) { Kind = ErrorKind.Precondition };
        }
    }

    /// <summary>Reads files that are served: if one is not there it is not the request that names the wrong one.</summary>
    /// <exception cref="BtxException">What <paramref name="read"/> throws, with its kind.</exception>
    public static T Served<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            throw new BtxException(e.Message, e);
        }
    }

    private static bool IsOfDevice(Exception? e) => e switch
    {
        null or FileNotFoundException or DirectoryNotFoundException or PathTooLongException or EndOfStreamException => false,
        IOException failure => failure.HResult is not (NameTooLong or TooManyLinks),
        _ => IsOfDevice(e.InnerException),
    };
}
