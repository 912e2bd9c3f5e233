namespace Btx.Server.Terminal;

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
