namespace Btx.Server.Terminal;

/// <summary>Standard input, where the program was started with one. Without (<c>&lt;&amp;-</c>) the runtime opens something of its own as
/// descriptor 0, and a read of it would wait for ever.</summary>
internal static class StandardInput
{
    private const string Flags = "flags:";
    private const int CloseOnExec = 0x80000; // O_CLOEXEC: closed where a program starts, so that nothing handed over can have it

    /// <exception cref="BtxException">The program was started without a standard input.</exception>
    public static void Demand()
    {
        var described = "";
        try
        {
            if (OperatingSystem.IsLinux()) described = File.ReadAllText("/proc/self/fdinfo/0");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not known.
        }

        if (IsOwn(described)) throw new BtxException("standard input is closed; give it a file, a pipe or /dev/null");
    }

    /// <summary>Whether a descriptor was opened by this process itself.</summary>
    /// <param name="described">As /proc/PID/fdinfo has it: a line <c>flags:</c> with an octal number.</param>
    internal static bool IsOwn(string described) => described.Split('\n').FirstOrDefault(l => l.StartsWith(Flags, StringComparison.Ordinal))
        is { } line && (Convert.ToInt64(line[Flags.Length..].Trim(), 8) & CloseOnExec) != 0;
}
