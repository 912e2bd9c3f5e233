namespace Btx.Server.Requests;

/// <summary>Writes to the log what models are given to read. There only where <c>--log-prompts</c> asks for it. Thread-safe.</summary>
internal sealed partial class PromptLog(ILogger<PromptLog> log, IHttpContextAccessor requests)
{
    public const int Longest = 8_192; // characters of one prompt

    /// <summary>One line, whatever is in the text.</summary>
    public void Add(string text)
    {
        if (log.IsEnabled(LogLevel.Information))
            LogPrompt(log, text.Length, BtxException.OneLine(text, Longest), requests.HttpContext?.TraceIdentifier);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "prompt of {Length} characters: {Text} [request {RequestId}]")]
    private static partial void LogPrompt(ILogger logger, int length, string text, string? requestId);
}
