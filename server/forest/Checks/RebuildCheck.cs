namespace Btx.Forest;

/// <summary>Whether a forest can be built once more from its files, as the check of a removal does after its commit: what a start opens is
/// opened and looked at in the same way. Weights are read only where their file was touched since it was copied.</summary>
internal sealed class RebuildCheck(RegistryResources resources)
{
    /// <summary>Before a removal is begun, whose check could not be made.</summary>
    public async Task RequireAsync(ForestState after, CancellationToken cancellation)
    {
        var problem = await BuildThread.RunAsync(() => Common(after)
            ?? Experts(after, cancellation).Select(e => $"expert \"{e.Key}\", which stays, could not be opened again: {e.Value}")
                .FirstOrDefault() ?? Moe(after, cancellation));
        if (problem is null) return;
        throw new BtxException(ErrorKind.Precondition, $"{BtxException.OneLine(problem, 2000)}; the check of a removal rebuilds the forest "
            + "from its files: mend that and repeat the removal, or remove that expert first; nothing was changed");
    }

    /// <summary>After the commit what cannot be opened again gets no traffic, as if <see cref="FileWatch"/> had found it.</summary>
    public async Task QuarantineAsync(ForestState state, CancellationToken cancellation)
    {
        var (experts, moe) = await BuildThread.RunAsync(() => (Experts(state, cancellation), Moe(state, cancellation)));
        if (experts.Count == 0 && moe is null) return;
        await FileWatch.QuarantineAsync(resources, experts, moe, cancellation);
    }

    /// <summary>What of a state is quarantined because of its files, and why: a comparison says nothing of it. Null: nothing.</summary>
    public IReadOnlyDictionary<string, string>? LeftOut(ForestState state)
    {
        var damage = resources.Engine.Describe().Damage;
        var left = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var expert in state.Ready)
            if (damage.Experts.TryGetValue(expert.Name, out var why)) left[expert.Name] = BtxException.OneLine(why, 2000);
        if (damage.Moe is { } problem) left[EqualityCheck.Moe] = BtxException.OneLine(problem, 2000);
        return left.Count == 0 ? null : left;
    }

    // Those that are quarantined already are left out of the comparison.
    private Dictionary<string, string> Experts(ForestState state, CancellationToken cancellation)
    {
        var problems = new Dictionary<string, string>(StringComparer.Ordinal);
        var models = resources.Engine.Current.Experts.ToDictionary(e => e.Name, e => e.Model);
        byte[]? tokenizer = null;
        foreach (var expert in state.Ready.Where(e => models.ContainsKey(e.Name)))
        {
            var problem = Problem(() =>
            {
                var directory = resources.DirectoryOf(expert);
                if (!Directory.Exists(directory)) throw new BtxException($"{directory}: not found; put it back");
                FolderTree.Check(directory, expert.Name, cancellation);
                RequireSame(CheckpointFiles.Weights(directory), directory, models[expert.Name].Copies, cancellation);
                if (LlamaConfig.Load(directory).Fingerprint() != resources.Served.Architecture)
                    throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: has another architecture by now");
                tokenizer = RequireTokenizer(expert, tokenizer);
            });
            if (problem is not null) problems[expert.Name] = problem;
        }

        return problems;
    }

    private string? Common(ForestState state) => Problem(() =>
    {
        resources.Log.RequireReadable();
        var served = ServedForestManifest.Load(resources.Directory, trees: false);
        foreach (var expert in state.Ready)
        {
            if (Problem(() => LlamaConfig.Load(resources.DirectoryOf(expert))) is not null) continue; // said of the expert
            GraphFile.Read(resources.Directory, served.Graphs, LlamaConfig.Load(resources.DirectoryOf(expert)), served.Precision,
                resources.Serving.VerifyHashes);
            return;
        }
    });

    // One that the change re-mixes has no file yet.
    private string? Moe(ForestState state, CancellationToken cancellation)
    {
        if (resources.Engine.Current.Moe is not { } present || resources.MoeOf(state) is not { } directory
            || directory != resources.MoeOf(resources.State))
            return null;
        return Problem(() =>
        {
            var served = ServedMoeManifest.Load(directory);
            GraphFile.Read(directory, served.Graphs, LlamaConfig.Load(directory), served.Precision, resources.Serving.VerifyHashes);
            if (TextTokenizer.Load(directory).Hash != served.Tokenizer)
                throw new BtxException($"{directory}: its tokenizer is not the one that the BTX model was exported with");
            RequireSame(served.Weights.Select(w => served.WeightsFile(directory, w)), directory, present.Model.Copies, cancellation);
        });
    }

    private byte[] RequireTokenizer(RegisteredExpert expert, byte[]? known)
    {
        var directory = ForestLoader.TokenizerDirectory(expert, resources.Directory, resources.Served);
        var path = Path.Combine(directory, "tokenizer.json");
        var bytes = BoundedFile.Read(path);
        if (known is not null && bytes.AsSpan().SequenceEqual(known)) return known;
        return TextTokenizer.Load(directory).Hash == resources.Served.Tokenizer ? bytes
            : throw new BtxException($"{path}: is not the tokenizer that the forest was exported with");
    }

    private static void RequireSame(IEnumerable<string> files, string directory, IReadOnlyList<PrivateCopy> copies,
        CancellationToken cancellation)
    {
        if (!files.Select(Path.GetFullPath).ToHashSet(StringComparer.Ordinal).SetEquals(copies.Select(c => Path.GetFullPath(c.Path))))
            throw new BtxException($"{directory}: its weights lie in other files than those that are served");
        foreach (var copy in copies)
        {
            if (FileStat.Of(copy.Path)?.Problem is { } problem) throw new BtxException($"{copy.Path}: {problem}; replace it by a copy");
            if (FileWatch.Difference(copy, cancellation) is { } difference) throw new BtxException($"{difference} since it was opened");
        }
    }

    private static string? Problem(Action read) => Blame.Problem(read, e => !Blame.IsOfServer(e));
}
