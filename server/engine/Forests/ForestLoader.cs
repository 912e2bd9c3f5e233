using Btx.Model.Forests;

namespace Btx.Engine.Forests;

/// <summary>Opens a state of a served forest: checks its manifest, hashes, tokenizers, weights and graphs, and makes sessions.</summary>
/// <param name="moe">The BTX model to serve beside it; null: none.</param>
/// <param name="prepack">False: the sessions share the mapped weights.</param>
internal sealed class ForestLoader(EngineOptions options, string directory, ForestState state, MoeLoader? moe, int threads, bool prepack)
{
    private ServedForestManifest served = null!;
    private IReadOnlyList<(RegisteredExpert Entry, string Directory)> experts = [];

    public ForestSnapshot Load()
    {
        served = ServedForestManifest.Load(directory, trees: false);
        if ((ProviderLibraries.Of(options.Device).Problem(options.Device)
            ?? DevicePrecision.Problem(options, served.Precision)) is { } problem)
            throw new BtxException(problem);
        if (!state.Ready.Any()) throw new BtxException($"{directory}: no expert is ready; all are quarantined");
        experts = [.. state.Ready.Select(e => (e, e.Directory(directory, served)))];
        foreach (var (entry, weights) in experts) RequireInPlace(entry, weights);
        var tokenizer = LoadTokenizer();
        var config = LlamaConfig.Load(experts[0].Directory);
        var graphs = GraphFile.Read(directory, served.Graphs, config, served.Precision, options.VerifyHashes);
        config.RequireTokens(tokenizer.VocabSize, directory);
        moe?.RequireFit(directory, tokenizer, config.VocabSize);
        var context = SnapshotLoader.Context(options, config, moe);
        var opener = new ModelOpener(options, directory, served, config, tokenizer, graphs, context, threads, experts.Count);
        var resources = new ServingResources(tokenizer, context, config.VocabSize, served.SourceSha256, served.Precision,
            options.Device.ToString(), options.Time, new AverageWeightsBuilder(opener).Build, opener, opener.SessionThreads == 1);
        var models = new ServedModel?[experts.Count];
        ServedMoe? loaded = null;
        try
        {
            Open(opener, models);
            loaded = moe?.Create(context);
            var loadedExperts = experts.Select((e, j) => new SnapshotExpert(e.Entry.Name, e.Entry.Domain, models[j]!));
            return new ForestSnapshot(resources, [.. loadedExperts], RecordedPrior.Of(state), state.AverageWeights(), loaded,
                state.Quarantined);
        }
        finally
        {
            loaded?.Model.Release(); // the snapshot holds them now, or nobody does
            foreach (var model in models) model?.Release();
        }
    }

    private static void RequireInPlace(RegisteredExpert entry, string weights)
    {
        if (entry.Root == ExpertRoot.External && !Directory.Exists(weights))
            throw new BtxException($"{weights}: not found; expert \"{entry.Name}\" was added from there, put it back");
        FolderTree.Check(weights, $"expert \"{entry.Name}\"");
    }

    /// <summary>Directory with an expert's tokenizer: weights that the exporter converted have theirs in the source forest.</summary>
    public static string TokenizerDirectory(RegisteredExpert expert, string servedDirectory, ServedForestManifest served)
    {
        if (expert.Root != ExpertRoot.Served) return expert.Directory(servedDirectory, served);
        var source = served.SourceDirectory(servedDirectory);
        var path = ForestManifest.Load(source, trees: false).Expert(expert.Name).Path;
        var found = ContainedPath.Resolve(source, path, ForestManifest.FileName);
        FolderTree.Check(found, expert.Name);
        return found;
    }

    private TextTokenizer LoadTokenizer()
    {
        var directories = experts.Select(e => TokenizerDirectory(e.Entry, directory, served)).ToList();
        var tokenizer = TextTokenizer.Load(directories[0]);
        if (tokenizer.Hash != served.Tokenizer)
            throw new BtxException($"{directories[0]}: its tokenizer is not the one that the forest was exported with");
        var first = BoundedFile.Read(Path.Combine(directories[0], "tokenizer.json"));
        foreach (var other in directories.Skip(1))
        {
            var path = Path.Combine(other, "tokenizer.json");
            if (!File.Exists(path)) throw new BtxException($"{path}: not found; every expert of a forest holds its tokenizer");
            if (!BoundedFile.Read(path).AsSpan().SequenceEqual(first) && TextTokenizer.Load(other).Hash != tokenizer.Hash)
                throw new BtxException($"{path}: another tokenizer than {directories[0]}; the experts of a forest share one");
        }

        return tokenizer;
    }

    // All weights are copied and compared with the state before the first session is made: a wrong file is named at once.
    private void Open(ModelOpener opener, ServedModel?[] models)
    {
        var checkpoints = new Checkpoint?[experts.Count];
        try
        {
            BuildThread.ForEach(experts.Count, threads, j => checkpoints[j] = Checked(opener, experts[j]));
            BuildThread.ForEach(experts.Count, threads, j =>
                models[j] = opener.Open(experts[j].Entry.Name, Interlocked.Exchange(ref checkpoints[j], null)!, prepack));
        }
        finally
        {
            foreach (var left in checkpoints) left?.Dispose();
        }
    }

    private Checkpoint Checked(ModelOpener opener, (RegisteredExpert Entry, string Directory) expert)
    {
        var checkpoint = opener.OpenWeights(expert.Entry.Name, expert.Directory, CancellationToken.None);
        if (!options.VerifyHashes || PrivateWeights.Hash(checkpoint, CancellationToken.None) == expert.Entry.Sha256) return checkpoint;
        checkpoint.Dispose();
        var (was, remedy) = expert.Entry.Root == ExpertRoot.External ? ("added", "restore them from a copy") : ("exported", "export again");
        throw new BtxException($"{expert.Directory}: the weights of expert \"{expert.Entry.Name}\" are not those that were {was} "
            + $"(SHA-256 differs); {remedy}");
    }
}

/// <summary>Opens what the options name: a forest, a BTX model, or one beside the other.</summary>
internal static class SnapshotLoader
{
    /// <summary>An engine over what the options name.</summary>
    /// <param name="prepack">False: the sessions share the mapped weights, which takes less memory and more time.</param>
    public static ForestEngine Start(EngineOptions options, CommittedState? state = null, bool prepack = true)
    {
        options.Validate();
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        return new ForestEngine(options, Load(options, threads, state, prepack), threads);
    }

    public static ForestSnapshot Load(EngineOptions options, int threads, CommittedState? state, bool prepack)
    {
        if (options.Directory is not { } forest) return Alone(options, threads);
        var committed = state ?? CommittedState.Read(forest);
        var (named, note) = committed.Moe(forest, options.Moe);
        if (note is not null) options.Report?.Invoke(note);
        using var moe = named is null ? null : MoeLoader.Open(options, named, threads);
        return new ForestLoader(options, forest, committed.State, moe, threads, prepack).Load();
    }

    /// <summary>Longest sequence in tokens: what was asked for, or what all models allow.</summary>
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
