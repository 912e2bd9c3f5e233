namespace Btx.Server.Access;

/// <summary>Files that hold secrets, or what stands for them: their owner's alone.</summary>
internal static class SecretFile
{
    private const int ShortestKey = 16;
    private const int LongestKey = 4096;
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <param name="option">Named in errors, as the remedy is where there is no file.</param>
    /// <exception cref="BtxException">The file cannot be read, has more bytes than that, or others can read or change it.</exception>
    public static byte[] Read(string option, string file, int limit, string remedy)
    {
        try
        {
            using var stream = Open(); // a regular file: no pipe is waited for
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(stream.SafeFileHandle) & Others) != 0)
                throw new BtxException($"{option} {file}: others than its owner can read or change it; `chmod 600 {file}`");
            var bytes = new byte[limit + 1];
            var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length <= limit ? bytes[..length] : throw new BtxException($"{option} {file}: has more than {limit} bytes; {remedy}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(e);
        }

        FileStream Open()
        {
            try
            {
                return Model.Files.OpenFile.Stream(file);
            }
            catch (BtxException e)
            {
                throw Unreadable(e);
            }
        }

        BtxException Unreadable(Exception e) => new($"{option} {file}: cannot be read ({BtxException.OneLine(e.Message)}); {remedy}", e);
    }

    /// <summary>A key: one line of at least 16 printable ASCII characters without blanks.</summary>
    /// <exception cref="BtxException">As for <see cref="Read"/>, or the file holds no key. Nothing of the file is told.</exception>
    public static string ReadKey(string option, string file)
    {
        var remedy = $"`openssl rand -hex 32 > {file} && chmod 600 {file}` makes an admin key, `btx keys create` another";
        var text = Encoding.Latin1.GetString(Read(option, file, LongestKey, remedy)).Trim();
        return IsKey(text) ? text : throw new BtxException($"{option} {file}: holds no key; expected one line of {ShortestKey} or more "
            + $"ASCII characters without blanks; {remedy}");
    }

    /// <summary>The key that a client sends; null: none.</summary>
    /// <inheritdoc cref="ReadKey(string, string)"/>
    public static string? ReadKey(this ApiKeyFlag flag, ParseResult parsed) =>
        flag.Read(parsed, file => ReadKey(ApiKeyFlag.Name, file), problem => new BtxException(problem));

    private static bool IsKey(string text) => text.Length >= ShortestKey && text.All(c => c is > ' ' and <= '~');

    /// <summary>Writes a file whole or not at all; at no time can others read it.</summary>
    /// <exception cref="BtxException">It cannot be written.</exception>
    public static void Write(string file, byte[] bytes) => Model.Files.AtomicFile.Write(file, stream =>
    {
        if (!OperatingSystem.IsWindows() && stream is FileStream { SafeFileHandle: var handle }) File.SetUnixFileMode(handle, Owner);
        stream.Write(bytes);
    });
}
