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

/// <summary>Whether output is coloured: <c>auto</c> on a terminal that has not said NO_COLOR, <c>always</c>, <c>never</c>.</summary>
internal static class ColourChoice
{
    public static bool Enabled(string choice) => choice switch
    {
        "always" => true,
        "never" => false,
        _ => !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
    };
}
