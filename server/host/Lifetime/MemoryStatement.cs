using Btx.Engine;

namespace Btx.Server.Lifetime;

/// <summary>What the models and the options may take of the machine's memory, stated at start with the options that bound it.</summary>
internal static class MemoryStatement
{
    public static string Line(ForestDescription forest, EngineOptions options) =>
        $"weights {Gigabytes(forest.Memory.Weights)} mapped; KV cache {Gigabytes(forest.Memory.KvCache)} (--slots {options.Slots}, "
        + $"context {forest.ContextLength}); "
        + $"sessions and logits {Gigabytes(forest.Memory.Sessions)} (--max-batch-tokens {options.MaxBatchTokens})";

    /// <param name="available">Bytes that this process may use.</param>
    /// <returns>Null: it all fits.</returns>
    public static string? Warning(ForestDescription forest, EngineOptions options, long available) =>
        options.Device.IsCuda || forest.Memory.Total <= available
        ? null
        : $"warning: {Gigabytes(forest.Memory.Total)} are more than the {Gigabytes(available)} that this process may use; once requests "
            + "fill them, the system may end it: "
            + "lower --slots, --context or --max-batch-tokens";

    private static string Gigabytes(long bytes) => $"{bytes / 1e9:0.##} GB";
}
