using Btx.Forest;
using Btx.Model.Tokens;

namespace Btx.Server.Lifetime;

/// <summary>A running engine and the tokenizer of what it serves.</summary>
/// <param name="Registry">What changes the forest, and owns the engine; null: no forest is served, or it is not to be changed here.</param>
internal sealed record LoadedForest(IForestEngine Engine, TextTokenizer Tokenizer, IForestRegistry? Registry = null) : IAsyncDisposable
{
    /// <summary>Loads what the options name, and takes the forest's journal if it is to be changed.</summary>
    /// <param name="changes">Null: it is answered from as it is now, and not changed.</param>
    /// <exception cref="BtxException">A model, an option, the device or the journal is at fault; or another server owns it.</exception>
    public static Task<LoadedForest> OpenAsync(EngineOptions options, RegistryOptions? changes, CancellationToken cancellation) => Task.Run(
        () =>
        {
            var registry = options.Directory is null || changes is null ? null : ForestRegistry.Open(options, changes);
            var engine = registry?.Engine ?? ForestEngine.Start(options);
            return new LoadedForest(engine, engine.Tokenizer, registry);
        },
        cancellation);

    public ValueTask DisposeAsync() => Registry is IAsyncDisposable owner ? owner.DisposeAsync() : Engine.DisposeAsync();
}

/// <summary>What the models and the options may take of the machine's memory, stated at start with the options that bound it.</summary>
internal static class MemoryStatement
{
    public static string Line(ForestDescription forest, EngineOptions options) =>
        $"weights {Quantity.Bytes(forest.Memory.Weights)} mapped; KV cache {Quantity.Bytes(forest.Memory.KvCache)} "
        + $"(--slots {options.Slots}, context {forest.ContextLength}); sessions and logits {Quantity.Bytes(forest.Memory.Sessions)} "
        + $"(--max-batch-tokens {options.MaxBatchTokens})";

    /// <param name="available">Bytes that this process may use.</param>
    /// <returns>Null: it all fits.</returns>
    public static string? Warning(ForestDescription forest, EngineOptions options, long available) =>
        options.Device.IsCuda || forest.Memory.Total <= available ? null
            : $"warning: {Quantity.Bytes(forest.Memory.Total)} are more than the {Quantity.Bytes(available)} that this process may use; "
            + "once requests fill them, the system may end it: lower --slots, --context or --max-batch-tokens";
}
