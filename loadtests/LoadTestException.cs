namespace Btx.LoadTests;

/// <summary>What a user can mend: one line that names the file or option, the value and the remedy.</summary>
public sealed class LoadTestException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Reads or writes what the user named.</summary>
    /// <param name="failure">What is said if that fails, before the cause: <c>FILE cannot be read</c>.</param>
    public static T Wrap<T>(string failure, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException
            or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new LoadTestException($"{failure}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <inheritdoc cref="Wrap{T}"/>
    public static void Wrap(string failure, Action work) => Wrap(failure, () =>
    {
        work();
        return true;
    });
}
