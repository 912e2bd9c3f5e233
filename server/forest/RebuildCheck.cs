using Btx.Engine.Forests;
using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Forest;

/// <summary>
/// Whether a forest can be built once more from its files, as the check of a removal does after its commit: what a start opens is opened
/// and looked at in the same way. Weights are read only where their file was touched since it was copied.
/// </summary>
internal sealed class RebuildCheck(RegistryGround ground)
{
    /// <summary>Before a removal is begun, whose check could not be made.</summary>
    /// <exception cref="BtxException">An expert that stays, a graph, a manifest or the BTX model cannot be opened again.</exception>
    public async Task RequireAsync(ForestState after, CancellationToken cancellation)
    {
        var fault = await BuildThread.RunAsync(() => Common(after)
            ?? Experts(after, cancellation).Select(e => $"expert \"{e.Key}\", which stays, could not be opened again: {e.Value}")
                .FirstOrDefault() ?? Mixture(after, cancellation)).ConfigureAwait(false);
        if (fault is null) return;
        throw new BtxException($"{BtxException.OneLine(fault, 2000)}; the check of a removal builds the forest anew from its files: mend "
            + "that and repeat the removal, or remove that expert first; nothing was changed")
        { Kind = FaultKind.Precondition };
    }

    /// <summary>After the commit there is no way back: what cannot be opened again gets no traffic, as if it had been found by
    /// <see cref="FileWatch"/>, and the rest can be compared.</summary>
    /// <exception cref="BtxException">A device fails, or the next forest cannot be made.</exception>
    public async Task QuarantineAsync(ForestState state, CancellationToken cancellation)
    {
        var (experts, mixture) = await BuildThread.RunAsync(() => (Experts(state, cancellation), Mixture(state, cancellation)))
            .ConfigureAwait(false);
        if (experts.Count == 0 && mixture is null) return;
        await FileWatch.QuarantineAsync(ground, experts, mixture, cancellation).ConfigureAwait(false);
    }

    /// <summary>What of a state is quarantined because of its files, and why: a comparison says nothing of it. Null: nothing.</summary>
    public IReadOnlyDictionary<string, string>? LeftOut(ForestState state)
    {
        var damage = ground.Engine.Describe().Damage;
        var left = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var expert in state.Ready)
        {
            if (damage.Experts.TryGetValue(expert.Name, out var why)) left[expert.Name] = BtxException.OneLine(why, 2000);
        }

        if (damage.Mixture is { } fault) left[EqualityCheck.Mixture] = BtxException.OneLine(fault, 2000);
        return left.Count == 0 ? null : left;
    }

    // Those that are quarantined already are left out of the comparison.
    private Dictionary<string, string> Experts(ForestState state, CancellationToken cancellation)
    {
        var faults = new Dictionary<string, string>(StringComparer.Ordinal);
        var models = ground.Engine.Current.Experts.ToDictionary(e => e.Name, e => e.Model);
        byte[]? tokenizer = null;
        foreach (var expert in state.Ready.Where(e => models.ContainsKey(e.Name)))
        {
            var fault = Fault(() =>
            {
                var directory = ground.DirectoryOf(expert);
                if (!Directory.Exists(directory)) throw new BtxException($"{directory}: not found; put it back");
                FolderTree.Check(directory, expert.Name, cancellation);
                RequireWeights(directory, models[expert.Name].Copies, cancellation);
                if (LlamaConfig.Load(directory).Fingerprint() != ground.Served.Architecture)
                    throw new BtxException($"{Path.Combine(directory, LlamaConfig.FileName)}: has another architecture by now");
                tokenizer = RequireTokenizer(expert, directory, tokenizer);
            });
            if (fault is not null) faults[expert.Name] = fault;
        }

        return faults;
    }

    private string? Common(ForestState state) => Fault(() =>
    {
        if (ground.Journal.History.Count > 0) CommittedState.Read(ground.Directory); // else the journal has no line yet
        var served = ServedForestManifest.Load(ground.Directory, trees: false);
        foreach (var expert in state.Ready)
        {
            if (Fault(() => LlamaConfig.Load(ground.DirectoryOf(expert))) is not null) continue; // said of the expert
            GraphFile.Read(ground.Directory, served.Graphs, LlamaConfig.Load(ground.DirectoryOf(expert)), served.Precision,
                ground.Serving.VerifyHashes);
            return;
        }
    });

    // One that a change makes anew has no file yet.
    private string? Mixture(ForestState state, CancellationToken cancellation)
    {
        if (ground.Engine.Current.Mixture is not { } present || ground.MixtureOf(state) is not { } directory
            || directory != ground.MixtureOf(ground.State))
            return null;
        return Fault(() =>
        {
            var served = ServedMixtureManifest.Load(directory);
            GraphFile.Read(directory, served.Graphs, LlamaConfig.Load(directory), served.Precision, ground.Serving.VerifyHashes);
            if (TextTokenizer.Load(directory).Hash != served.Tokenizer)
                throw new BtxException($"{directory}: its tokenizer is not the one that the BTX model was exported with");
            RequireSame([.. served.Weights.Select(w => Path.GetFullPath(served.WeightsFile(directory, w)))], directory,
                present.Model.Copies, cancellation);
        });
    }

    private byte[] RequireTokenizer(RegisteredExpert expert, string directory, byte[]? known)
    {
        if (expert.Root == ExpertRoot.Served)
        {
            // Weights that the exporter converted have their tokenizer in the source.
            var source = ground.Served.SourceDirectory(ground.Directory);
            directory = ContainedPath.Resolve(source, ForestManifest.Load(source, trees: false).Expert(expert.Name).Path,
                ForestManifest.FileName);
            FolderTree.Check(directory, expert.Name);
        }

        var path = Path.Combine(directory, "tokenizer.json");
        var bytes = BoundedFile.Read(path);
        if (known is not null && bytes.AsSpan().SequenceEqual(known)) return known;
        return TextTokenizer.Load(directory).Hash == ground.Served.Tokenizer ? bytes
            : throw new BtxException($"{path}: is not the tokenizer that the forest was exported with");
    }

    private static void RequireWeights(string directory, IReadOnlyList<PrivateCopy> copies, CancellationToken cancellation) =>
        RequireSame([.. CheckpointFiles.Weights(directory).Select(Path.GetFullPath)], directory, copies, cancellation);

    private static void RequireSame(IReadOnlyList<string> files, string directory, IReadOnlyList<PrivateCopy> copies,
        CancellationToken cancellation)
    {
        if (!files.ToHashSet(StringComparer.Ordinal).SetEquals(copies.Select(c => Path.GetFullPath(c.Path))))
            throw new BtxException($"{directory}: its weights lie in other files than those that are served");
        foreach (var copy in copies)
        {
            using var folder = OpenFolder.At(Path.GetDirectoryName(Path.GetFullPath(copy.Path))!);
            using var file = folder.Read(Path.GetFileName(copy.Path));
            var now = FileStat.Of(file);
            if (now == copy.Stat) continue;
            if (now.Fault is { } fault) throw new BtxException($"{copy.Path}: {fault}; replace it by a copy");
            if (now.Length != copy.Stat.Length
                || CheckpointFiles.HashFiles([copy.Path], cancellation) != CheckpointFiles.HashCopies([copy], cancellation))
                throw new BtxException($"{copy.Path}: has other content than when it was opened");
        }
    }

    // A device that fails says nothing of the file: that is thrown.
    private static string? Fault(Action read)
    {
        try
        {
            Blame.Given(() =>
            {
                read();
                return true;
            });
            return null;
        }
        catch (BtxException e) when (e.Kind != FaultKind.Internal)
        {
            return e.Message;
        }
    }
}
