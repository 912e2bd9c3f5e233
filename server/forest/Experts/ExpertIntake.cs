namespace Btx.Forest;

/// <summary>Finds out what an expert to be added is, and whether it can be served. Reads no weights.</summary>
internal sealed class ExpertIntake(ExpertRoots roots, string servedDirectory, ServedForestManifest served)
{
    /// <returns>The expert, its hash still empty unless one is expected, and ancestors that are unknown here.</returns>
    public (RegisteredExpert Expert, IReadOnlyList<AbsentExpert> Ancestors) Look(ExpertAddition addition, ForestState state)
    {
        state.RequireFree(addition.Name);
        var directory = Blame.Given(() => roots.Resolve(addition.Directory));
        var (forest, entry) = Blame.Given(() => Listed(directory));
        RequireFit(directory, addition.Name, state);
        var names = forest is { } f ? new AncestorNames(f.Manifest, f.Path, Identities(state)) : null;
        var (parents, ancestors) = addition.Parents is { } given ? (given, []) : names?.Of(entry?.Parents ?? []) ?? ([], []);
        var expert = new RegisteredExpert
        {
            Name = addition.Name,
            Domain = addition.Domain ?? entry?.Domain ?? addition.Name,
            Path = directory,
            Root = ExpertRoot.External,
            Sha256 = addition.Sha256 ?? entry?.Sha256 ?? "",
            Parents = parents,
            Round = entry?.Round ?? 0,
            CorpusSha256 = entry?.CorpusSha256,
            Tokens = entry?.Tokens ?? 0,
            Steps = entry?.Steps ?? 0,
            Prior = Known(entry?.Prior, addition.Name, entry?.Name, names, state),
        };
        return (expert, ancestors);
    }

    // FOREST/experts/NAME is described by FOREST/forest.json, converted weights by SERVED/served.json and its source, if these may be read.
    private ((ForestManifest Manifest, string Path)? Forest, ExpertEntry? Entry) Listed(string directory)
    {
        if (Path.GetDirectoryName(Path.GetDirectoryName(directory)) is not { } forest || !roots.Holds(forest)) return (null, null);
        if (File.Exists(Path.Combine(forest, ForestManifest.FileName)))
        {
            var manifest = ForestManifest.Load(forest);
            return ((manifest, forest), manifest.Experts.FirstOrDefault(e => Path.GetFullPath(Path.Combine(forest, e.Path)) == directory));
        }

        if (!File.Exists(Path.Combine(forest, ServedForestManifest.FileName))) return (null, null);
        var export = ServedForestManifest.Load(forest);
        var source = export.SourceDirectory(forest);
        if (export.Experts.FirstOrDefault(e => export.WeightsDirectory(forest, e) == directory) is not { } converted || !roots.Holds(source)
            || !File.Exists(Path.Combine(source, ForestManifest.FileName)))
            return (null, null);
        var original = ForestManifest.Load(source);
        var entry = original.Experts.FirstOrDefault(e => e.Name == converted.Name);
        return ((original, source), entry is null ? null : entry with { Sha256 = converted.Sha256 });
    }

    /// <summary>What the weights themselves must be.</summary>
    public static void RequirePrecision(Checkpoint checkpoint, ForestState state)
    {
        if (BlockLayout.BitsOf(state.Precision) is not null) return; // blocks are made of any
        var dtype = state.Precision == "fp16" ? TensorDtype.F16 : TensorDtype.F32;
        foreach (var (tensor, _) in checkpoint.Config.TensorShapes())
        {
            if (Blame.Given(() => checkpoint.Info(tensor)).Dtype != dtype)
                throw new BtxException(ErrorKind.Precondition, $"{checkpoint.DirectoryPath}: tensor \"{tensor}\" is "
                    + $"{checkpoint.Info(tensor).Dtype}, the served forest needs {dtype}; `btx export --precision {state.Precision}` of "
                    + "its forest converts it, add it from there");
        }
    }

    private static void RequireFit(string directory, string name, ForestState state)
    {
        if (Blame.Given(() => LlamaConfig.Load(directory).Fingerprint()) != state.Architecture)
            throw new BtxException(ErrorKind.Precondition, $"{directory}: expert \"{name}\" has another architecture than the served "
                + "forest; only experts of one architecture answer together");
        if (Blame.Given(() => TextTokenizer.Load(directory).Hash) != state.Tokenizer)
            throw new BtxException(ErrorKind.Precondition, $"{directory}: another tokenizer than the served forest's; the experts of a "
                + "forest share one");
    }

    // Over the experts that are here; its own weight goes by its new name.
    private static Dictionary<string, double>? Known(
        IReadOnlyDictionary<string, double>? prior, string name, string? listedAs, AncestorNames? names, ForestState state)
    {
        if (prior is null) return null;
        var known = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (expert, weight) in prior)
        {
            var here = expert == listedAs ? name : names?.Known(expert);
            if (here is not null && (here == name || state.Experts.Any(e => e.Name == here)))
                known[here] = known.GetValueOrDefault(here) + weight;
        }

        var sum = known.Values.Sum();
        return sum > 0 ? known.ToDictionary(k => k.Key, k => k.Value / sum) : null;
    }

    // Who is known here, by the hashes of their weights: as served and, where they were converted for that, as the source has them.
    private List<(string Name, string? Sha256, string? Original)> Identities(ForestState state)
    {
        var source = Blame.Served(() => ForestManifest.Load(served.SourceDirectory(servedDirectory)));
        string? Original(string name, string? sha256) => served.Experts.Any(e => e.Name == name && e.Sha256 == sha256)
            ? source.Experts.FirstOrDefault(e => e.Name == name)?.Sha256
            : null;
        var known = state.Experts.Select(e => (e.Name, (string?)e.Sha256)).Concat(state.Absent.Select(a => (a.Name, a.Sha256)));
        return [.. known.Select(k => (k.Name, k.Item2, Original(k.Name, k.Item2)))];
    }
}

/// <summary>Whose fault it is that files cannot be used: of the files alone that cannot be told.</summary>
internal static class Blame
{
    private const int NameTooLong = 36, TooManyLinks = 40; // ENAMETOOLONG, ELOOP

    /// <summary>Reads files that the request names: their faults refuse the change; a failing device is the server's fault.</summary>
    public static T Given<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Internal && !IsOfServer(e))
        {
            throw new BtxException(ErrorKind.Precondition, e.Message, e);
        }
    }

    /// <summary>Reads files that are served: if one is not there it is not the request that names the wrong one.</summary>
    public static T Served<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (BtxException e) when (e.Kind == ErrorKind.Missing)
        {
            throw new BtxException(e.Message, e);
        }
    }

    /// <summary>What is wrong with what is read; null: nothing.</summary>
    /// <param name="isMeant">Failures that count; null: all. Others are thrown.</param>
    public static string? Problem(Action read, Func<BtxException, bool>? isMeant = null)
    {
        try
        {
            read();
            return null;
        }
        catch (BtxException e) when (isMeant?.Invoke(e) != false)
        {
            return e.Message;
        }
    }

    /// <summary>A device that fails says nothing of the file.</summary>
    public static bool IsOfServer(BtxException e) => e.Kind == ErrorKind.Internal && IsOfDevice(e);

    private static bool IsOfDevice(Exception? e) => e switch
    {
        null or FileNotFoundException or DirectoryNotFoundException or PathTooLongException or EndOfStreamException => false,
        IOException failure => failure.HResult is not (NameTooLong or TooManyLinks),
        _ => IsOfDevice(e.InnerException),
    };
}
