using Btx.Cli;
using Btx.Trainer.Checkpoints;

namespace Btx.Trainer.Phases;

/// <summary>A finished run in one line.</summary>
internal static class RunSummary
{
    public static string Of(RunRecord r)
    {
        var bits = r.ValidationBitsPerByte is { Count: > 0 } v ? $", validation {v.Values.Average():F3} bits/byte" : "";
        var passes = r.TextTokens > 0 ? $" ({(double)r.Tokens / r.TextTokens:F1} passes)" : "";
        return $"{r.Name}: {Quantity.WithUnit(r.Tokens, "tokens")}{passes} in {Quantity.Clock(TimeSpan.FromSeconds(r.Seconds))} "
            + $"({Quantity.WithUnit(r.TokensPerSecond, "tokens")}/s), loss {r.Loss:F3}{bits}";
    }
}
