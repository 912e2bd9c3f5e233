namespace Btx.Server.Terminal;

/// <summary>Asks the person at the terminal.</summary>
internal static class ConsolePrompt
{
    /// <summary>Whether there is a person to ask.</summary>
    public static bool IsAttended => !Console.IsInputRedirected && !Console.IsErrorRedirected;

    /// <returns>What was typed, trimmed; null: there is no person to ask, or the input ended.</returns>
    public static string? Ask(string question)
    {
        if (!IsAttended) return null;
        Console.Error.Write(question);
        return Console.In.ReadLine()?.Trim();
    }
}
