using Btx.Trainer.Checkpoints;
using Btx.Trainer.Terminal;

namespace Btx.Trainer.Phases;

/// <summary>A finished run in one line.</summary>
internal static class RunSummary
{
    public static string Of(RunRecord r)
    {
        var bits = r.ValidationBitsPerByte is { Count: > 0 } v ? $", validation {v.Values.Average():F3} bits/byte" : "";
        return $"{r.Name}: {Quantity.WithUnit(r.Tokens, "tokens")} in {Quantity.Duration(TimeSpan.FromSeconds(r.Seconds))} ({Quantity.WithUnit(r.TokensPerSecond, "tokens")}/s), loss {r.Loss:F3}{bits}";
    }
}
