using Btx.Engine;
using Btx.Forest;
using Btx.Model.Tokens;

namespace Btx.Server.Lifetime;

/// <summary>A running engine and the tokenizer of what it serves.</summary>
/// <param name="Registry">What changes the forest, and owns the engine; null: no forest is
/// served, or it is not to be changed from here.</param>
internal sealed record LoadedForest(IForestEngine Engine, TextTokenizer Tokenizer, IForestRegistry? Registry = null) : IAsyncDisposable
{
    /// <summary>Loads what the options name as it is now, to answer from it and not to change it.</summary>
    /// <exception cref="Model.BtxException">The forest, the BTX model, an option or the device is at fault.</exception>
    public static Task<LoadedForest> OpenAsync(EngineOptions options, CancellationToken cancellation) => Task.Run(
        () =>
        {
            var engine = ForestEngine.Start(options);
            return new LoadedForest(engine, engine.Tokenizer);
        },
        cancellation);

    /// <summary>Loads what the options name; takes the forest's journal, if a forest is among it.</summary>
    /// <param name="changes">Null: it is not to be changed.</param>
    /// <exception cref="Model.BtxException">As above, or another server owns the forest, or its journal is damaged.</exception>
    public static Task<LoadedForest> OpenAsync(EngineOptions options, RegistryOptions? changes, CancellationToken cancellation) =>
        options.Directory is null || changes is null
        ? OpenAsync(options, cancellation)
        : Task.Run(
            () =>
            {
                var registry = ForestRegistry.Open(options, changes);
                return new LoadedForest(registry.Engine, registry.Engine.Tokenizer, registry);
            },
            cancellation);

    public ValueTask DisposeAsync() => Registry is IAsyncDisposable owner ? owner.DisposeAsync() : Engine.DisposeAsync();
}
