namespace Btx.LoadTests.Doors;

/// <summary>A key that a server, or a proxy before it, asks for.</summary>
public static class DoorKey
{
    /// <summary>The file's only line.</summary>
    /// <exception cref="LoadTestException">It cannot be read, or is no key.</exception>
    public static string? Read(string? file)
    {
        if (file is null) return null;
        string key;
        try
        {
            key = File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--key-file {file}: cannot be read: {e.Message}", e);
        }

        return key.Length > 0 && key.All(c => c is > ' ' and < (char)127) ? key
            : throw new LoadTestException($"--key-file {file}: expected one line with a key, without blanks");
    }
}
