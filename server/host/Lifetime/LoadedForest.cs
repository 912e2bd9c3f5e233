using Btx.Forest;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Microsoft.AspNetCore.Authorization;

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

/// <summary>What is served: nothing while it is being loaded, then one forest until the end. It owns the forest. Thread-safe.</summary>
/// <param name="forest">Null: it is being loaded.</param>
internal sealed class ServedForest(LoadedForest? forest = null) : IAsyncDisposable
{
    private const string Loading = "what this server serves is being loaded; try again soon";
    private volatile LoadedForest? _forest = forest;

    /// <summary>Null while it is being loaded.</summary>
    public LoadedForest? Now => _forest;

    /// <exception cref="RequestRejectedException">It is being loaded.</exception>
    public LoadedForest Forest =>
        _forest ?? throw new RequestRejectedException(new RequestProblem(null, Loading, ErrorKind.Unavailable, "loading"));

    /// <summary>It is loaded; once.</summary>
    public void Complete(LoadedForest loaded) => _forest = loaded;

    /// <summary>Middleware: while it is being loaded, whoever is known is told so, and health is answered as always.</summary>
    public Task AnswerLoadingAsync(HttpContext http, RequestDelegate next)
    {
        if (_forest is not null || http.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null) return next(http);
        return Listener.IsGrpc(http)
            ? RpcStatus.WriteAsync(http, StatusCode.Unavailable, Loading, "loading", TimeSpan.FromSeconds(1))
            : OpenAiError.Of(new RequestProblem(null, Loading, ErrorKind.Unavailable, "loading")).WriteAsync(http);
    }

    public ValueTask DisposeAsync() => _forest?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>What the models and the options may take of the machine's memory, stated at start with the options that bound it.</summary>
internal static class MemoryStatement
{
    public static string Line(ForestDescription forest, EngineOptions options) =>
        $"weights {Quantity.Bytes(forest.Memory.Weights)}{(BlockLayout.BitsOf(forest.Precision) is null ? " mapped" : "")}; "
        + $"KV cache {Quantity.Bytes(forest.Memory.KvCache)} (--slots {options.Slots}, context {forest.ContextLength}); "
        + $"sessions and logits {Quantity.Bytes(forest.Memory.Sessions)} "
        + $"(--max-batch-tokens {options.MaxBatchTokens})";

    /// <param name="available">Bytes that this process may use.</param>
    /// <returns>Null: it all fits.</returns>
    public static string? Warning(ForestDescription forest, EngineOptions options, long available) =>
        options.Device.IsCuda || forest.Memory.Total <= available ? null
            : $"warning: {Quantity.Bytes(forest.Memory.Total)} are more than the {Quantity.Bytes(available)} that this process may use; "
            + "once requests fill them, the system may end it: lower --slots, --context or --max-batch-tokens";
}
