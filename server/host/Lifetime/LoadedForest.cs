using Btx.Engine;
using Btx.Engine.Registry;
using Btx.Model.Tokens;

namespace Btx.Server.Lifetime;

/// <summary>A running engine and the tokenizer of what it serves.</summary>
/// <param name="Registry">What changes the forest; null: none is served, or it is not to be changed from here.</param>
internal sealed record LoadedForest(IForestEngine Engine, TextTokenizer Tokenizer, IForestRegistry? Registry = null)
{
    /// <exception cref="Model.BtxException">The forest, the BTX model, an option or the device is at fault.</exception>
    public static Task<LoadedForest> OpenAsync(EngineOptions options, CancellationToken cancellation) => Task.Run(
        () =>
        {
            var engine = ForestEngine.Start(options);
            return new LoadedForest(engine, engine.Tokenizer);
        },
        cancellation);
}
