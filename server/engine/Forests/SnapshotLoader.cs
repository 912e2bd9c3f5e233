using Btx.Model;
using Btx.Model.Configuration;

namespace Btx.Engine.Forests;

/// <summary>Opens what the options name: a forest, a BTX model, or one beside the other.</summary>
internal static class SnapshotLoader
{
    /// <exception cref="BtxException">Whatever is missing, damaged or does not fit, as one clear line.</exception>
    public static ForestSnapshot Load(EngineOptions options, int threads)
    {
        var mixture = options.Mixture is { } directory ? MixtureLoader.Open(options, directory, threads) : null;
        return options.Directory is { } forest ? new ForestLoader(options, forest, mixture, threads).Load() : Alone(options, mixture!);
    }

    /// <summary>Longest sequence in tokens: what was asked for, or what all models allow.</summary>
    /// <exception cref="BtxException">More was asked for than a model was built for.</exception>
    public static int Context(EngineOptions options, LlamaConfig config, MixtureLoader? mixture)
    {
        var most = Math.Min(config.MaxPositionEmbeddings, mixture?.Config.MaxPositionEmbeddings ?? int.MaxValue);
        return options.ContextLength > most ? throw new BtxException($"--context is {options.ContextLength}; the models were built for at most {most}") : options.ContextLength ?? most;
    }

    private static ForestSnapshot Alone(EngineOptions options, MixtureLoader mixture)
    {
        var context = Context(options, mixture.Config, mixture);
        var ground = new ServingGround(
            mixture.Tokenizer, mixture.Tokenizer.EosId ?? mixture.Config.EosTokenId, context, mixture.Config.VocabSize, "", mixture.Describe().Precision, options.Device.ToString(), options.Time,
            (_, name, _) => throw new InvalidOperationException($"{name}: there is no forest to average"));
        var model = mixture.Create(context);
        try
        {
            return new ForestSnapshot(ground, [], [], new Dictionary<string, IReadOnlyDictionary<string, double>>(), model);
        }
        finally
        {
            model.Model.Release();
        }
    }
}
