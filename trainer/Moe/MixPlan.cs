using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Phases;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Moe;

/// <summary>Which models a BTX model is made of, by index: checked to share architecture and tokenizer.</summary>
/// <param name="ForestSha256">Null for upcycling.</param>
/// <param name="Residuals">What branching left in the members of those that were left out.</param>
/// <param name="Settings">Training options of the members: what fine-tuning inherits.</param>
internal sealed record MixPlan(IReadOnlyList<MixMember> Members, LlamaConfig Architecture, string Tokenizer, string? ForestSha256,
    IReadOnlyList<string> Without, IReadOnlyList<MixResidual> Residuals, TrainingOptions Settings)
{
    public const string SeedName = "seed";

    public static MixPlan Of(MixRequest request) => request.Upcycle is { } seed ? OfCopies(seed, request.Copies) : OfForest(request);

    private static MixPlan OfCopies(string seed, int copies)
    {
        const int most = MoeConfig.MaxExperts;
        if (copies is < 1 or > most) throw new BtxException($"--copies is {copies}; expected 1..{most}");
        var config = LlamaConfig.Load(seed).RequireDense(seed);
        var member = SeedMember(seed);
        return new([.. Enumerable.Range(0, copies).Select(i => member with { Expert = member.Expert with { Name = $"copy-{i}" } })],
            config, TextTokenizer.Load(seed).Hash, null, [], [],
            PhaseDefaults.ExpertOf(seed, config.ParameterCount, config.MaxPositionEmbeddings));
    }

    private static MixPlan OfForest(MixRequest request)
    {
        var forest = request.Forest!;
        var source = Path.Combine(forest, ForestManifest.FileName);
        var manifest = ForestManifest.Load(forest);
        var chosen = Choose(manifest, request, forest);
        string[] directories = [.. chosen.Select(e => ContainedPath.Resolve(forest, e.Path, source))];
        foreach (var directory in directories) LlamaConfig.Load(directory).RequireDense(directory);
        ForestAverage.RequireRecorded(manifest, chosen, directories, source);
        var texts = RoundPlan.All(forest).SelectMany(p => p.Experts).GroupBy(j => j.Name)
            .ToDictionary(g => g.Key, g => g.Last().Sources[0]);
        List<MixMember> members =
        [
            .. chosen.Zip(directories, (e, directory) => new MixMember(
                directory,
                new BtxExpert { Name = e.Name, Domain = e.Domain, Sha256 = e.Sha256, Parents = e.Parents, CorpusSha256 = e.CorpusSha256,
                    Tokens = e.Tokens, Steps = e.Steps },
                texts.GetValueOrDefault(e.Name) ?? TextSource.Of(e.Domain))),
        ];
        var architecture = LlamaConfig.Load(directories[0]);
        if (request.Seed is { } seed)
        {
            if (chosen.Any(e => e.Name == SeedName))
                throw new BtxException($"{source} has an expert named {SeedName}, as --with-seed names {seed}; add --without {SeedName}");
            if (LlamaConfig.Load(seed).RequireDense(seed).Fingerprint() != manifest.Architecture)
                throw new BtxException($"--with-seed {seed}: its architecture (config.json) differs from that of {forest}; choose another");
            if (TextTokenizer.Load(seed).Hash != manifest.Tokenizer)
                throw new BtxException($"--with-seed {seed}: its tokenizer differs from that of {forest}; choose another seed");
            var last = SeedMember(seed);
            members.Add(last with { Expert = last.Expert with { Source = Path.GetFullPath(seed) } });
        }

        if (members.Count > MoeConfig.MaxExperts)
            throw new BtxException($"{members.Count} experts; a BTX model has at most {MoeConfig.MaxExperts}: choose some with --experts");
        var settings = PhaseDefaults.ExpertIn(forest, int.MaxValue)
            ?? PhaseDefaults.ExpertOf(directories[0], architecture.ParameterCount, architecture.MaxPositionEmbeddings);
        return new(members, architecture, manifest.Tokenizer, manifest.Hash(), request.Without,
            MixResidual.Of(manifest, chosen, request.Without), settings);
    }

    private static ExpertEntry[] Choose(ForestManifest manifest, MixRequest request, string forest)
    {
        foreach (var name in request.Without) _ = Named(manifest, name, "--without", forest);
        var twice = request.Experts.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1)?.Key;
        if (twice is not null) throw new BtxException($"--experts names \"{twice}\" twice");
        var wanted = request.Experts.Count > 0
            ? request.Experts.Select(n => Named(manifest, n, "--experts", forest)).ToArray()
            : manifest.Present(forest, Console.Error.WriteLine);
        var held = wanted.FirstOrDefault(e => e.Status != ExpertStatus.Ready && !request.Without.Contains(e.Name));
        if (held is not null)
            throw new BtxException($"--experts: expert \"{held.Name}\" of {forest} is {held.Status}; only those that are ready are mixed");
        ExpertEntry[] chosen = [.. wanted.Where(e => !request.Without.Contains(e.Name))];
        if (chosen.Length > 0) return chosen;
        throw new BtxException(request.Without.Count > 0
            ? $"--without {string.Join(",", request.Without)} leaves no expert of {forest} to mix; it has "
                + $"{string.Join(", ", wanted.Select(e => e.Name))}"
            : $"{forest} has no ready expert to mix");
    }

    private static ExpertEntry Named(ForestManifest manifest, string name, string flag, string forest) =>
        manifest.Experts.FirstOrDefault(e => e.Name == name)
        ?? throw new BtxException($"{flag}: no expert \"{BtxException.OneLine(name)}\" in {forest}; it has "
            + $"{string.Join(", ", manifest.Experts.Select(e => e.Name))}");

    private static MixMember SeedMember(string directory)
    {
        var (tokens, steps) = RunRecord.Load(directory) is { } record ? (record.Tokens, record.Steps) : (0, 0);
        var sha256 = CheckpointFiles.Hash(directory);
        return new(directory, new() { Name = SeedName, Domain = SeedName, Sha256 = sha256, Tokens = tokens, Steps = steps }, null);
    }
}

/// <summary>A model whose feed-forwards become one expert of a BTX model.</summary>
/// <param name="Expert">What <c>btx.json</c> will say of it.</param>
/// <param name="Text">The text of its domain; null for one that stands for no domain (the seed, a copy).</param>
internal sealed record MixMember(string Directory, BtxExpert Expert, TextSource? Text);

/// <summary>What leaving an expert out does not undo: another expert was branched from it and carries its text in the weights.</summary>
/// <param name="Share">See <see cref="Lineage.Share"/>.</param>
public sealed record MixResidual(string Expert, string Ancestor, double Share)
{
    internal static IReadOnlyList<MixResidual> Of(ForestManifest forest, IEnumerable<ExpertEntry> mixed, IReadOnlyList<string> without)
    {
        if (without.Count == 0) return [];
        var lineage = Lineage.Of(forest);
        var shares = without.Select(w => (Name: w, Of: lineage.Shares([w]))).ToList();
        return [.. mixed.SelectMany(e => shares.Select(s => new MixResidual(e.Name, s.Name, s.Of.GetValueOrDefault(e.Name))))
            .Where(r => r.Share > 0)];
    }
}
