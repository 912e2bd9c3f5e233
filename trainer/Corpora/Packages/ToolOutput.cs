namespace Btx.Trainer.Corpora.Packages;

/// <summary>What a program left behind when it ended.</summary>
/// <param name="ExitCode">0 for success, by convention.</param>
/// <param name="Output">Bytes of its standard output.</param>
/// <param name="Errors">Text of its standard error.</param>
public sealed record ToolOutput(int ExitCode, byte[] Output, string Errors)
{
    /// <summary>The first line of the messages that looks like the cause, for a one-line report.</summary>
    public string Cause
    {
        get
        {
            var lines = Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return lines.FirstOrDefault(l => l.StartsWith("E:", StringComparison.Ordinal))
                ?? lines.FirstOrDefault(l => l.Contains("error", StringComparison.OrdinalIgnoreCase))
                ?? lines.FirstOrDefault()
                ?? $"exit code {ExitCode}";
        }
    }
}
