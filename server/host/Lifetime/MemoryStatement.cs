using Btx.Cli;
using Btx.Engine;

namespace Btx.Server.Lifetime;

/// <summary>What the models and the options may take of the machine's memory, stated at start with the options that bound it.</summary>
internal static class MemoryStatement
{
    public static string Line(ForestDescription forest, EngineOptions options) =>
        $"weights {Quantity.Bytes(forest.Memory.Weights)} mapped; KV cache {Quantity.Bytes(forest.Memory.KvCache)} (--slots {options.Slots}, "
        + $"context {forest.ContextLength}); "
        + $"sessions and logits {Quantity.Bytes(forest.Memory.Sessions)} (--max-batch-tokens {options.MaxBatchTokens})";

    /// <param name="available">Bytes that this process may use.</param>
    /// <returns>Null: it all fits.</returns>
    public static string? Warning(ForestDescription forest, EngineOptions options, long available) =>
        options.Device.IsCuda || forest.Memory.Total <= available
        ? null
        : $"warning: {Quantity.Bytes(forest.Memory.Total)} are more than the {Quantity.Bytes(available)} that this process may use; once requests "
            + "fill them, the system may end it: "
            + "lower --slots, --context or --max-batch-tokens";
}
