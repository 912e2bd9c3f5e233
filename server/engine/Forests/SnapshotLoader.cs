using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Registry;

namespace Btx.Engine.Forests;

/// <summary>Opens what the options name: a forest, a BTX model, or one beside the other.</summary>
internal static class SnapshotLoader
{
    /// <summary>An engine over what the options name.</summary>
    /// <param name="state">Of the forest; null: the last committed one.</param>
    /// <param name="prepack">False: the sessions share the mapped weights, which takes less memory and more time.</param>
    /// <exception cref="BtxException">As <see cref="Load"/>, or an option is out of range.</exception>
    public static ForestEngine Start(EngineOptions options, ForestState? state = null, bool prepack = true)
    {
        options.Validate();
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        return new ForestEngine(options, Load(options, threads, state, prepack), threads);
    }

    /// <exception cref="BtxException">Whatever is missing, damaged or does not fit, as one clear line.</exception>
    public static ForestSnapshot Load(EngineOptions options, int threads, ForestState? state, bool prepack)
    {
        if (options.Directory is not { } forest) return Alone(options, threads);
        var committed = CommittedState.Read(forest);
        if (state is not null) committed = committed with { State = state };
        var (named, note) = committed.Moe(forest, options.Moe);
        if (note is not null) options.Report?.Invoke(note);
        using var moe = named is null ? null : MoeLoader.Open(options, named, threads);
        return new ForestLoader(options, forest, committed.State, moe, threads, prepack).Load();
    }

    /// <summary>Longest sequence in tokens: what was asked for, or what all models allow.</summary>
    /// <exception cref="BtxException">More was asked for than a model was built for.</exception>
    public static int Context(EngineOptions options, LlamaConfig config, MoeLoader? moe)
    {
        var most = Math.Min(config.MaxPositionEmbeddings, moe?.Config.MaxPositionEmbeddings ?? int.MaxValue);
        return options.ContextLength > most
            ? throw new BtxException($"--context is {options.ContextLength}; the models were built for at most {most}")
            : options.ContextLength ?? most;
    }

    private static ForestSnapshot Alone(EngineOptions options, int threads)
    {
        using var moe = MoeLoader.Open(options, options.Moe!, threads);
        var context = Context(options, moe.Config, moe);
        var resources = new ServingResources(
            moe.Tokenizer, context, moe.Config.VocabSize, "", moe.Describe().Precision, options.Device.ToString(), options.Time,
            (_, name, _) => throw new InvalidOperationException($"{name}: there is no forest to average"));
        var model = moe.Create(context);
        try
        {
            return new ForestSnapshot(resources, [], [], new Dictionary<string, IReadOnlyDictionary<string, double>>(), model);
        }
        finally
        {
            model.Model.Release();
        }
    }
}
