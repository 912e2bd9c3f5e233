namespace Btx.Server.Terminal;

/// <summary>Asks the person at the terminal.</summary>
internal static class ConsolePrompt
{
    /// <returns>What was typed, trimmed; null: there is no person to ask, or the input ended.</returns>
    public static string? Ask(string question)
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected) return null;
        Console.Error.Write(question);
        return Console.In.ReadLine()?.Trim();
    }
}
